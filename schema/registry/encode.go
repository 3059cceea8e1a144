package registry

import (
	"fmt"
	"io"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/otelkv/otelkv-go/schema"
)

// Encode writes the registry of a catalogue: one group that describes the labels,
// then a group for each metric, in the catalogue's order. The same catalogue
// always gives the same text.
func Encode(w io.Writer, catalogue *schema.Catalogue) error {
	out := document{Groups: []group{labels(catalogue)}}
	for d := range catalogue.All() {
		out.Groups = append(out.Groups, metric(d))
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("otelkv: registry: %w", err)
	}
	return encoder.Close()
}

func metric(d schema.Definition) group {
	g := group{
		ID:         typeMetric + "." + d.Name,
		Type:       typeMetric,
		MetricName: d.Name,
		Brief:      d.Description,
		Instrument: d.Kind().String(),
		Unit:       d.Unit,
		Stability:  d.Stability.String(),
		Annotations: &annotations{
			CodeGeneration: &codeGeneration{valueType(d)},
			Prometheus:     &prometheus{d.PrometheusName},
			Otelkv:         extend(d),
		},
	}
	if d.Stability == schema.StabilityDeprecated {
		// A registry has no such level: what is deprecated says so beside its level.
		g.Stability = schema.StabilityDevelopment.String()
		g.Deprecated = &deprecation{Reason: "uncategorized", Note: d.ReplacedBy}
	}
	for _, name := range slices.Concat(engineLabels(), d.LabelNames) {
		g.Attributes = append(g.Attributes, attribute{Ref: name, RequirementLevel: "required"})
	}
	return g
}

func valueType(d schema.Definition) string {
	if d.Number() == schema.NumberKindInt64 {
		return valueInt
	}
	return valueDouble
}

// extend returns nil for a definition that needs no extension.
func extend(d schema.Definition) *extension {
	e := extension{
		Boundaries:   d.Boundaries,
		LabelValues:  d.LabelValues,
		PrimaryTier:  d.PrimaryTier,
		StartsAtZero: d.StartsAtZero,
		FromInfo:     d.FromInfo,
		Since:        d.Since,
		Usage:        d.Usage,
		Query:        d.Query,
		Trap:         d.Trap,
	}
	for _, m := range d.Mirrors {
		e.Mirrors = append(e.Mirrors, mirror(m))
	}
	if reflect.ValueOf(e).IsZero() {
		return nil
	}
	return &e
}

func engineLabels() []string { return []string{schema.LabelModelName, schema.LabelEngine} }

// labels describes the labels of all metrics, in the order of their first use.
func labels(catalogue *schema.Catalogue) group {
	names, values := engineLabels(), make(map[string][]string)
	for d := range catalogue.All() {
		for _, name := range d.LabelNames {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			for _, value := range d.LabelValues[name] {
				if !slices.Contains(values[name], value) {
					values[name] = append(values[name], value)
				}
			}
		}
	}
	g := group{
		ID:          "registry.otelkv.labels",
		Type:        typeAttributeGroup,
		DisplayName: "Labels",
		Brief:       "The labels of the metrics, as attributes.",
	}
	for _, name := range names {
		brief, examples := describe(name)
		if len(values[name]) > 0 {
			examples = values[name]
		}
		g.Attributes = append(g.Attributes, attribute{
			ID: name, Type: "string", Brief: brief, Stability: schema.StabilityDevelopment.String(), Examples: examples,
		})
	}
	return g
}

// describe returns the brief and the examples of a label.
func describe(name string) (brief string, examples []string) {
	switch name {
	case schema.LabelModelName:
		return "Name of the served model.", []string{"meta-llama/Llama-3.1-8B"}
	case schema.LabelEngine:
		return "Index of the serving engine, in decimal.", []string{"0", "1"}
	case schema.LabelTier:
		return "Tier, as its index and its type.", []string{"0:primary", "1:fs"}
	case schema.LabelTransferType:
		return "Direction of a transfer, as the media it goes from and to.", []string{"CPU_to_GPU", "GPU_to_CPU"}
	}
	return fmt.Sprintf("Label %q of the metrics that have it.", name), []string{"None"}
}
