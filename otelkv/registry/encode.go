// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/otelkv/otelkv-go/schema"
)

// Encode writes a catalogue as a registry: its labels as attributes, then its metrics in
// their order. The same catalogue always gives the same text.
func Encode(w io.Writer, catalogue *schema.Catalogue) error {
	out := document{FileFormat: fileFormat, Attributes: labels(catalogue)}
	for d := range catalogue.All() {
		out.Metrics = append(out.Metrics, located[metric]{value: encoded(d, catalogue)})
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("otelkv: registry: %w", err)
	}
	return encoder.Close()
}

func encoded(d schema.Definition, catalogue *schema.Catalogue) metric {
	m := metric{d.Name, common{
		Brief:      d.Description,
		Instrument: d.Kind().String(),
		Unit:       d.Unit,
		Stability:  d.Stability.String(),
		Annotations: annotations{
			CodeGeneration: codeGeneration{valueType(d)},
			Prometheus:     prometheus{d.PrometheusName},
			Otelkv:         extend(d),
		},
	}}
	if d.Additive {
		m.Instrument = instrumentUpDownCounter
	}
	if d.Stability == schema.StabilityDeprecated {
		// A registry has no level "deprecated", but a separate field.
		m.Stability = schema.StabilityDevelopment.String()
		m.Deprecated = replacement(d, catalogue)
	}
	for _, name := range slices.Concat(engineLabels(), d.LabelNames) {
		m.Attributes = append(m.Attributes, attribute{Ref: name, RequirementLevel: "required"})
	}
	return m
}

// replacement returns what to use instead of a deprecated metric. In a registry,
// renamed_to is the name of an instrument.
func replacement(d schema.Definition, catalogue *schema.Catalogue) *deprecation {
	if by, ok := catalogue.Lookup(d.ReplacedBy); ok {
		return &deprecation{Reason: "renamed", RenamedTo: by.Name, Note: d.ReplacedBy}
	}
	return &deprecation{Reason: "uncategorized", Note: d.ReplacedBy}
}

func valueType(d schema.Definition) string {
	if d.Number() == schema.NumberKindInt64 {
		return valueInt
	}
	return valueDouble
}

func extend(d schema.Definition) extension {
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
	return e
}
