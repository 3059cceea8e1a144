// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/schema"
)

func newCatalogue() *cobra.Command {
	var metrics metricSelection
	var output string
	command := &cobra.Command{
		Use:   "catalogue",
		Short: "Print the metrics",
		Long: `catalogue prints the metrics of the other commands: both names, kind, unit, labels
and description.

The YAML is a registry in the format of OpenTelemetry's semantic conventions. The flag
--definitions reads this format.`,
		Example: `  otelkv catalogue
  otelkv catalogue --spec simple -o json
  otelkv catalogue -o yaml > metrics.yaml`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			catalogue, err := metrics.catalogue()
			if err != nil {
				return err
			}
			switch out := command.OutOrStdout(); output {
			case "yaml":
				return registry.Encode(out, catalogue)
			case "json":
				return printJSON(out, catalogue)
			default:
				return printTable(out, catalogue)
			}
		},
	}
	addChoice(command, &output, "output", "o", "table", "output format", "table", "yaml", "json")
	metrics.register(command, specAll)
	return command
}

// printTable prints one line per metric.
func printTable(out io.Writer, catalogue *schema.Catalogue) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROMETHEUS NAME\tKIND\tUNIT\tLABELS\tDESCRIPTION")
	for d := range catalogue.All() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", d.SampleName(), d.Kind(), d.Unit, strings.Join(d.LabelNames, ","), d.Description)
	}
	return table.Flush()
}

// A jsonMetric is a metric in the output of --output json.
type jsonMetric struct {
	PrometheusName string    `json:"prometheus_name"`
	Name           string    `json:"name"`
	Kind           string    `json:"kind"`
	Number         string    `json:"number"`
	Unit           string    `json:"unit,omitempty"`
	Labels         []string  `json:"labels"`
	Boundaries     []float64 `json:"boundaries,omitempty"`
	Stability      string    `json:"stability"`
	ReplacedBy     string    `json:"replaced_by,omitempty"`
	Since          string    `json:"since,omitempty"`
	Description    string    `json:"description"`
}

func printJSON(out io.Writer, catalogue *schema.Catalogue) error {
	metrics := []jsonMetric{}
	for d := range catalogue.All() {
		metrics = append(metrics, jsonMetric{
			PrometheusName: d.PrometheusName, Name: d.Name, Kind: d.Kind().String(), Number: d.Number().String(),
			Unit: d.Unit, Labels: append([]string{}, d.LabelNames...), Boundaries: d.Boundaries,
			Stability: d.Stability.String(), ReplacedBy: d.ReplacedBy, Since: d.Since, Description: d.Description,
		})
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(metrics)
}
