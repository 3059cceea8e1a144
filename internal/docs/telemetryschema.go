// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"path"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const telemetrySchemaHead = `# Generated from the catalogue. To change it, change the definition and run go generate ./...
#
# An OpenTelemetry telemetry schema. Versions are those of this module. Version 0.0.0 has the names that vLLM
# used before the first release of the module. A reader that applies the schema translates old names to new ones.
`

// The part of the telemetry schema for metrics, with the field names of file format 1.1.
type (
	telemetrySchema struct {
		FileFormat string                      `yaml:"file_format"`
		SchemaURL  string                      `yaml:"schema_url"`
		Versions   map[string]telemetryVersion `yaml:"versions"`
	}
	telemetryVersion struct {
		Metrics *telemetryMetrics `yaml:"metrics,omitempty"`
	}
	telemetryMetrics struct {
		Changes []telemetryChange `yaml:"changes"`
	}
	telemetryChange struct {
		RenameMetrics map[string]string `yaml:"rename_metrics,omitempty"`
		Split         *telemetrySplit   `yaml:"split,omitempty"`
	}
	telemetrySplit struct {
		ApplyToMetric         string            `yaml:"apply_to_metric"`
		ByAttribute           string            `yaml:"by_attribute"`
		MetricsFromAttributes map[string]string `yaml:"metrics_from_attributes"`
	}
)

// telemetryFile writes schema/vllm/schema.yaml.
func telemetryFile(string) ([]byte, error) {
	changes, err := telemetryChanges(definitions(vllmGroups()))
	if err != nil {
		return nil, err
	}
	return encodeYAML(telemetrySchemaHead, telemetrySchema{
		FileFormat: "1.1.0",
		SchemaURL:  vllm.SchemaURL,
		Versions: map[string]telemetryVersion{
			path.Base(vllm.SchemaURL): {Metrics: &telemetryMetrics{Changes: changes}},
			"0.0.0":                   {},
		},
	})
}

// telemetryChanges returns the change of each mirror's name. A mirror with the labels of
// its source was renamed. A mirror with a label value for each source was split.
func telemetryChanges(all []schema.Definition) ([]telemetryChange, error) {
	instruments := make(map[string]string, len(all))
	for _, d := range all {
		instruments[d.PrometheusName] = d.Name
	}
	renames := make(map[string]string)
	var changes []telemetryChange
	for _, d := range all {
		switch {
		case len(d.Mirrors) == 0:
		case len(d.Mirrors) == 1 && d.Mirrors[0].LabelValues == nil:
			renames[d.Name] = instruments[d.Mirrors[0].Of]
		case len(d.LabelNames) == 1:
			changes = append(changes, telemetryChange{Split: split(d, instruments)})
		default:
			return nil, fmt.Errorf("metric %q: a mirror that is neither a rename nor a split by one label", d.PrometheusName)
		}
	}
	return append(changes, telemetryChange{RenameMetrics: renames}), nil
}

// split returns the split of a mirror, for engines of the default medium.
func split(d schema.Definition, instruments map[string]string) *telemetrySplit {
	s := &telemetrySplit{
		ApplyToMetric:         d.Name,
		ByAttribute:           d.LabelNames[0],
		MetricsFromAttributes: make(map[string]string),
	}
	for _, m := range d.Mirrors {
		s.MetricsFromAttributes[instruments[m.Of]] = strings.ReplaceAll(m.LabelValues[0], schema.Medium, "CPU")
	}
	return s
}
