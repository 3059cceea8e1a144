// SPDX-License-Identifier: Apache-2.0

package registry

import "go.yaml.in/yaml/v3"

// The form of a registry file: version 2 of weaver's form. Version 1 is only read.

type document struct {
	FileFormat string               `yaml:"file_format,omitempty"`
	Attributes []located[attribute] `yaml:"attributes,omitempty"`
	Metrics    []located[metric]    `yaml:"metrics,omitempty"`
	// Groups are the metrics and attributes of version 1.
	Groups []located[group] `yaml:"groups,omitempty"`
}

// A located value knows where it is in a file.
type located[T any] struct {
	value T
	node  node
}

// UnmarshalYAML decodes the value by the decoder of the whole file, which refuses unknown
// fields. The decoder of a yaml.Node would not.
func (l *located[T]) UnmarshalYAML(unmarshal func(any) error) error {
	if err := unmarshal(&l.node); err != nil {
		return err
	}
	return unmarshal(&l.value)
}

func (l located[T]) MarshalYAML() (any, error) { return l.value, nil }

type node struct{ yaml.Node }

func (n *node) UnmarshalYAML(from *yaml.Node) error {
	n.Node = *from
	return nil
}

const (
	fileFormat = "definition/2"

	typeAttributeGroup = "attribute_group"
	typeMetric         = "metric"

	valueInt    = "int"
	valueDouble = "double"

	instrumentUpDownCounter = "updowncounter"
)

type metric struct {
	Name   string `yaml:"name"`
	common `yaml:",inline"`
}

type group struct {
	ID          string `yaml:"id"`
	Type        string `yaml:"type"`
	MetricName  string `yaml:"metric_name"`
	DisplayName string `yaml:"display_name"`
	common      `yaml:",inline"`
}

// common are the fields of a metric in both versions.
type common struct {
	Brief       string       `yaml:"brief"`
	Note        string       `yaml:"note,omitempty"`
	Instrument  string       `yaml:"instrument"`
	Unit        string       `yaml:"unit"`
	Stability   string       `yaml:"stability"`
	Deprecated  *deprecation `yaml:"deprecated,omitempty"`
	Attributes  []attribute  `yaml:"attributes,omitempty"`
	Annotations annotations  `yaml:"annotations,omitempty"`
}

type deprecation struct {
	Reason    string `yaml:"reason"`
	RenamedTo string `yaml:"renamed_to,omitempty"`
	Note      string `yaml:"note,omitempty"`
}

// An attribute has a key, which version 1 calls id, or refers to another attribute.
type attribute struct {
	Key              string       `yaml:"key,omitempty"`
	ID               string       `yaml:"id,omitempty"`
	Ref              string       `yaml:"ref,omitempty"`
	Type             any          `yaml:"type,omitempty"`
	Brief            string       `yaml:"brief,omitempty"`
	Note             string       `yaml:"note,omitempty"`
	Stability        string       `yaml:"stability,omitempty"`
	Deprecated       *deprecation `yaml:"deprecated,omitempty"`
	Examples         any          `yaml:"examples,omitempty,flow"`
	RequirementLevel any          `yaml:"requirement_level,omitempty"`
}

type annotations struct {
	CodeGeneration codeGeneration `yaml:"code_generation,omitempty"`
	Prometheus     prometheus     `yaml:"prometheus,omitempty"`
	Otelkv         extension      `yaml:"otelkv,omitempty"`
}

type codeGeneration struct {
	MetricValueType string `yaml:"metric_value_type"`
}

type prometheus struct {
	Name string `yaml:"name"`
}

// An extension holds the fields of a definition that a registry does not have.
type extension struct {
	Boundaries   []float64           `yaml:"boundaries,omitempty,flow"`
	LabelValues  map[string][]string `yaml:"label_values,omitempty"`
	PrimaryTier  bool                `yaml:"primary_tier,omitempty"`
	StartsAtZero bool                `yaml:"starts_at_zero,omitempty"`
	FromInfo     bool                `yaml:"from_info,omitempty"`
	Mirrors      []mirror            `yaml:"mirrors,omitempty"`
	Since        string              `yaml:"since,omitempty"`
	Usage        string              `yaml:"usage,omitempty"`
	Query        string              `yaml:"query,omitempty"`
	Trap         string              `yaml:"trap,omitempty"`
}

type mirror struct {
	Of          string   `yaml:"of"`
	LabelValues []string `yaml:"label_values,omitempty,flow"`
}
