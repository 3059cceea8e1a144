// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"maps"
	"slices"
)

// Label names that vLLM's series carry.
const (
	// LabelModelName is the first engine label: the served model's name. vLLM's
	// PrometheusStatLogger (vllm/v1/metrics/loggers.py) gives every series both.
	LabelModelName = "model_name"
	// LabelEngine is the second engine label: the engine's index in decimal.
	LabelEngine = "engine"
	// LabelTier is the tier as "<index>:<type>", for example "1:fs", which is the format
	// of vLLM's TieringMetricsTracker (vllm/v1/kv_offload/tiering/metrics.py).
	LabelTier = "tier"
)

// Medium is a placeholder in the label values of a [Mirror]. It stands for the medium of
// the engine: "CPU" unless the engine was added with another.
const Medium = "{medium}"

// A Definition says what one metric is. Write it as one of the typed forms
// ([Int64Counter] and its siblings), which add the kind and the number.
type Definition struct {
	// Name is the OpenTelemetry instrument name: a letter, then letters, digits
	// and "_.-/", at most 255 bytes (OTel specification, "Instrument name syntax").
	Name string
	// PrometheusName is the exact name of the metric family. The samples of a counter
	// have "_total" after it, unless it ends in that. Payloads use it as the key.
	PrometheusName string
	// Unit is a UCUM unit: "By", "s", "1" or an annotation such as "{job}". It may
	// be empty, as for OpenTelemetry's instruments.
	Unit string
	// Description is the text of the instrument and of the HELP line.
	Description string
	// LabelNames are the labels after those of the engine, in the order of the label
	// values.
	LabelNames []string
	// LabelValues lists the known values of labels, by label name. A label may take other
	// values too.
	LabelValues map[string][]string
	// PrimaryTier says that the primary tier, vLLM's PRIMARY_TIER_LABEL, is a value of the
	// label "tier" too.
	PrimaryTier bool
	// Boundaries are the upper bounds of a histogram, ascending, without +Inf.
	Boundaries []float64
	// Mirrors makes the metric repeat others under its own name. Nothing records to a
	// mirror.
	Mirrors []Mirror
	// StartsAtZero makes the metric exist with the value zero as soon as an engine is
	// added. Such a metric has no labels, or is a mirror with label values of its own.
	StartsAtZero bool
	// Additive says that it makes sense to add the values of a gauge across engines and
	// label values, as for jobs in flight and blocks, but not for fractions. OpenTelemetry
	// calls such a metric an UpDownCounter. Prometheus has no such kind and shows a gauge.
	Additive bool
	// FromInfo makes the metric a gauge of value 1 whose labels come from a payload's
	// info, as in vLLM's pull request 56867.
	FromInfo bool
	// Stability tells how much the metric may still change.
	Stability Stability
	// ReplacedBy tells what to query instead of a deprecated metric.
	ReplacedBy string
	// Since is the first release with the name, of vLLM for vLLM's metrics: "v0.28.0". If
	// it is not known exactly, it is "v0.26.0 or earlier" or "after v0.28.0".
	Since string
	// Usage tells an operator what the metric is for.
	Usage string
	// Query is a PromQL query that uses the metric.
	Query string
	// Trap tells what readers of the metric often get wrong.
	Trap string

	kind        Kind
	number      NumberKind
	payloadName string // if it is not PrometheusName
}

// A Mirror names a metric whose values another metric repeats. It makes recording no
// slower: collecting reports the same value twice.
type Mirror struct {
	// Of is the Prometheus name of the metric that is repeated.
	Of string
	// LabelValues are the label values of the mirror. The medium of the engine replaces
	// [Medium] in them. The repeated metric must then have no label names, so that one
	// series is repeated as one series. If LabelValues is nil, the mirror has the label
	// values of the repeated metric.
	LabelValues []string
}

// Kind returns how the metric aggregates.
func (d Definition) Kind() Kind { return d.kind }

// Number returns the type of the metric's values.
func (d Definition) Number() NumberKind { return d.number }

// SampleName returns the name of the samples of a counter or gauge in a scrape. For a
// counter it is the family name with "_total", unless that ends in it already (the rule of
// Prometheus's client libraries). For a histogram it is the family name, to which the
// samples add "_bucket", "_count" and "_sum".
func (d Definition) SampleName() string {
	if d.kind == KindCounter {
		return withTotal(d.PrometheusName)
	}
	return d.PrometheusName
}

// PayloadName returns the metric's key in payloads: its Prometheus name before
// [Catalogue.WithPrefix].
func (d Definition) PayloadName() string {
	if d.payloadName != "" {
		return d.payloadName
	}
	return d.PrometheusName
}

// Definition returns d, so that a Definition is a [Metric].
func (d Definition) Definition() Definition { return d }

// clone returns d with slices of its own.
func (d Definition) clone() Definition {
	d.LabelNames = slices.Clone(d.LabelNames)
	d.Boundaries = slices.Clone(d.Boundaries)
	d.LabelValues = maps.Clone(d.LabelValues)
	for label, values := range d.LabelValues {
		d.LabelValues[label] = slices.Clone(values)
	}
	// Nil and empty Mirrors mean the same, so a catalogue has only nil.
	d.Mirrors = append([]Mirror(nil), d.Mirrors...)
	for i, m := range d.Mirrors {
		d.Mirrors[i].LabelValues = slices.Clone(m.LabelValues)
	}
	return d
}

// A Metric has a definition: it is one of the typed forms, or a Definition.
type Metric interface {
	Definition() Definition
}

// The typed forms of a definition. Their fields are those of [Definition].
type (
	// Int64Counter defines a sum of non-negative int64 increments.
	Int64Counter Definition
	// Float64Counter defines a sum of non-negative float64 increments.
	Float64Counter Definition
	// Int64Gauge defines a last value of type int64.
	Int64Gauge Definition
	// Float64Gauge defines a last value of type float64.
	Float64Gauge Definition
	// Histogram defines a distribution of float64 samples.
	Histogram Definition
)

func typed(d Definition, kind Kind, number NumberKind) Definition {
	d.kind, d.number = kind, number
	return d
}

// Definition returns the counter's definition.
func (m Int64Counter) Definition() Definition {
	return typed(Definition(m), KindCounter, NumberKindInt64)
}

// Definition returns the counter's definition.
func (m Float64Counter) Definition() Definition {
	return typed(Definition(m), KindCounter, NumberKindFloat64)
}

// Definition returns the gauge's definition.
func (m Int64Gauge) Definition() Definition {
	return typed(Definition(m), KindGauge, NumberKindInt64)
}

// Definition returns the gauge's definition.
func (m Float64Gauge) Definition() Definition {
	return typed(Definition(m), KindGauge, NumberKindFloat64)
}

// Definition returns the histogram's definition.
func (m Histogram) Definition() Definition {
	return typed(Definition(m), KindHistogram, NumberKindFloat64)
}
