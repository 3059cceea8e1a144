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
	// LabelTier names a tier as "<index>:<type>", for example "1:fs", as vLLM's
	// TieringMetricsTracker does (vllm/v1/kv_offload/tiering/metrics.py).
	LabelTier = "tier"
)

// Medium stands, inside a [Mirror]'s label values, for the medium of the engine
// that is mirrored: "CPU" unless the engine was declared with another.
const Medium = "{medium}"

// A Definition says what one metric is. Write it as one of the typed forms
// ([Int64Counter] and its siblings), which add the kind and the number.
type Definition struct {
	// Name is the OpenTelemetry instrument name: a letter, then letters, digits
	// and "_.-/", at most 255 bytes (OTel specification, "Instrument name syntax").
	Name string
	// PrometheusName is the metric family's name, exact. A counter's samples add
	// "_total" unless the name ends in it. Payloads use it as their key.
	PrometheusName string
	// Unit is a UCUM unit: "By", "s", "1" or an annotation such as "{job}". It may
	// be empty, as for OpenTelemetry's instruments.
	Unit string
	// Description is the text of the instrument and of the HELP line.
	Description string
	// LabelNames name the labels after the engine's own, in the order in which
	// label values are given.
	LabelNames []string
	// LabelValues lists, by label name, the values of a label that has a closed
	// set of them. Other values are taken all the same.
	LabelValues map[string][]string
	// PrimaryTier says that the label "tier" also takes the primary tier, vLLM's
	// PRIMARY_TIER_LABEL.
	PrimaryTier bool
	// Boundaries are a histogram's upper bounds, ascending, without +Inf.
	Boundaries []float64
	// Mirrors makes the metric a repetition of others under its own name. Nothing
	// records to a mirror.
	Mirrors []Mirror
	// StartsAtZero makes the metric exist at zero as soon as an engine is
	// declared. It takes no label values, or is a mirror.
	StartsAtZero bool
	// Additive says of a gauge that its values add up across engines and label
	// values to something meaningful, as jobs in flight and blocks do and
	// fractions do not. OpenTelemetry calls such a metric an UpDownCounter.
	// Prometheus has no such kind, and shows a gauge.
	Additive bool
	// FromInfo makes the metric a gauge of value 1 whose labels are filled from a
	// payload's info, as in vLLM's pull request 56867.
	FromInfo bool
	// Stability tells how much the metric may still change.
	Stability Stability
	// ReplacedBy names, for a deprecated metric, what to query instead.
	ReplacedBy string
	// Since is the release that first had the name, vLLM's for its metrics: "v0.28.0",
	// or as much as is known of it, "v0.26.0 or earlier" or "after v0.28.0".
	Since string
	// Usage tells an operator what the metric is for.
	Usage string
	// Query is one PromQL query that uses it.
	Query string
	// Trap tells what readers of the metric get wrong.
	Trap string

	kind        Kind
	number      NumberKind
	payloadName string // if it is not PrometheusName
}

// A Mirror names one metric whose values another repeats. It costs nothing to
// record: the same value is reported twice when metrics are collected.
type Mirror struct {
	// Of is the Prometheus name of the metric that is repeated.
	Of string
	// LabelValues are the values that the repeating metric's label names take.
	// [Medium] inside one is replaced by the engine's medium. The repeated metric
	// then has no label names, so that one series stays one. Nil passes the label
	// values of the repeated metric on.
	LabelValues []string
}

// Kind returns how the metric aggregates.
func (d Definition) Kind() Kind { return d.kind }

// Number returns the type of the metric's values.
func (d Definition) Number() NumberKind { return d.number }

// SampleName returns the name of a counter's or gauge's samples as a scrape
// shows them: a counter's family name with "_total", unless it ends in it
// already (the rule of Prometheus's client libraries). A histogram's samples
// have "_bucket", "_count" and "_sum" after the family name, which is what is
// returned for it.
func (d Definition) SampleName() string {
	if d.kind == KindCounter {
		return withTotal(d.PrometheusName)
	}
	return d.PrometheusName
}

// PayloadName returns the metric's key in payloads: its Prometheus name, without what
// [Catalogue.WithPrefix] did to it.
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
	// Nil and empty mean the same here, so that nobody has to tell them apart.
	d.Mirrors = append([]Mirror(nil), d.Mirrors...)
	for i, m := range d.Mirrors {
		d.Mirrors[i].LabelValues = slices.Clone(m.LabelValues)
	}
	return d
}

// A Metric is anything that has a definition: the typed forms and Definition
// itself.
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
