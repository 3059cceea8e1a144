// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"github.com/otelkv/otelkv-go/schema"
)

// mirror returns a counter that repeats others and has one label name.
func mirror(mirrors ...schema.Mirror) schema.Metric {
	return counter(func(m *schema.Int64Counter) {
		m.Name, m.PrometheusName = "kv.old_bytes", "kv:old_bytes"
		m.LabelNames = []string{"direction"}
		m.Mirrors = mirrors
	})
}

var mirrorBreaches = []breach{
	{
		"mirror of nothing",
		[]schema.Metric{counter(), mirror(schema.Mirror{Of: "kv:none", LabelValues: []string{"load"}})},
		"mirror-source",
		`otelkv: metric "kv:old_bytes": mirrors "kv:none", which is not in the catalogue`,
	},
	{
		"mirror of a sample",
		[]schema.Metric{counter(), mirror(schema.Mirror{Of: "kv:load_bytes_total", LabelValues: []string{"load"}})},
		"mirror-source",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes_total", which is not in the catalogue: did you mean "kv:load_bytes"?`,
	},
	{
		"mirror that is not additive",
		[]schema.Metric{gauge(additive), gauge(func(m *schema.Int64Gauge) {
			m.Name, m.PrometheusName = "kv.old", "kv:old"
			m.Mirrors = []schema.Mirror{{Of: "kv:jobs"}}
		})},
		"mirror-source",
		`otelkv: metric "kv:old": mirrors "kv:jobs": expected both of them to be additive, or neither`,
	},
	{
		"mirror of itself",
		[]schema.Metric{mirror(schema.Mirror{Of: "kv:old_bytes"})},
		"mirror-source",
		`otelkv: metric "kv:old_bytes": mirrors "kv:old_bytes", which is a mirror itself`,
	},
	{
		"mirror of another kind",
		[]schema.Metric{gauge(), mirror(schema.Mirror{Of: "kv:jobs", LabelValues: []string{"load"}})},
		"mirror-source",
		`otelkv: metric "kv:old_bytes": mirrors "kv:jobs", a gauge of int64: expected a counter of int64`,
	},
	{
		"mirror of another number",
		[]schema.Metric{
			schema.Float64Counter{Name: "kv.a", PrometheusName: "kv:a", Unit: "s", Description: "A."},
			mirror(schema.Mirror{Of: "kv:a", LabelValues: []string{"load"}}),
		},
		"mirror-source",
		`otelkv: metric "kv:old_bytes": mirrors "kv:a", a counter of float64: expected a counter of int64`,
	},
	{
		"mirror with other boundaries",
		[]schema.Metric{histogram(), histogram(func(m *schema.Histogram) {
			m.Name, m.PrometheusName = "kv.size", "kv:size"
			m.Boundaries = []float64{1, 20}
			m.Mirrors = []schema.Mirror{{Of: "kv:load_size"}}
		})},
		"mirror-source",
		`otelkv: metric "kv:size": mirrors "kv:load_size", whose boundaries differ: expected [1 20]`,
	},
	{
		"mirror of info",
		[]schema.Metric{
			gauge(func(m *schema.Int64Gauge) { m.FromInfo = true }),
			gauge(func(m *schema.Int64Gauge) {
				m.Name, m.PrometheusName = "kv.old", "kv:old"
				m.Mirrors = []schema.Mirror{{Of: "kv:jobs"}}
			}),
		},
		"mirror-source",
		`otelkv: metric "kv:old": mirrors "kv:jobs", which is filled from a payload's info`,
	},
	{
		"mirror with too few label values",
		[]schema.Metric{counter(), mirror(schema.Mirror{Of: "kv:load_bytes", LabelValues: []string{}})},
		"mirror-labels",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes" with 0 label values: expected 1`,
	},
	{
		"mirror that passes on what it has no names for",
		[]schema.Metric{counter(labels("tier")), mirror(schema.Mirror{Of: "kv:load_bytes"})},
		"mirror-labels",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes" and passes label values on, but the label names differ: expected ["direction"], have ["tier"]`,
	},
	{
		"mirror that would fold series into one",
		[]schema.Metric{counter(labels("tier")), mirror(schema.Mirror{Of: "kv:load_bytes", LabelValues: []string{"load"}})},
		"mirror-labels",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes" with label values of its own: expected a metric without label names, have ["tier"]`,
	},
	{
		"mirror with label values not UTF-8",
		[]schema.Metric{counter(), mirror(schema.Mirror{Of: "kv:load_bytes", LabelValues: []string{"\xff"}})},
		"mirror-labels",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes" with label values ["\xff"]: expected UTF-8`,
	},
	{
		"two mirrors under one tuple",
		[]schema.Metric{
			counter(), named("kv.store_bytes", "kv:store_bytes"),
			mirror(
				schema.Mirror{Of: "kv:load_bytes", LabelValues: []string{"x"}},
				schema.Mirror{Of: "kv:store_bytes", LabelValues: []string{"x"}},
			),
		},
		"mirrors-unique",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes" and "kv:store_bytes" under the same label values ["x"]`,
	},
	{
		"mirror that passes on beside one that does not",
		[]schema.Metric{
			counter(labels("direction")), named("kv.store_bytes", "kv:store_bytes"),
			mirror(
				schema.Mirror{Of: "kv:load_bytes"},
				schema.Mirror{Of: "kv:store_bytes", LabelValues: []string{"store"}},
			),
		},
		"mirrors-unique",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes" and "kv:store_bytes", one of which passes label values on: expected label values of their own`,
	},
	{
		"two mirrors without labels",
		[]schema.Metric{
			counter(), named("kv.store_bytes", "kv:store_bytes"),
			counter(func(m *schema.Int64Counter) {
				m.Name, m.PrometheusName = "kv.old_bytes", "kv:old_bytes"
				m.Mirrors = []schema.Mirror{{Of: "kv:load_bytes", LabelValues: []string{}}, {Of: "kv:store_bytes"}}
			}),
		},
		"mirrors-unique",
		`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes" and "kv:store_bytes", one of which passes label values on: expected label values of their own`,
	},
	{
		"starts at zero with label names",
		[]schema.Metric{counter(labels("tier"), func(m *schema.Int64Counter) { m.StartsAtZero = true })},
		"starts-at-zero",
		`otelkv: metric "kv:load_bytes": starts at zero with label names ["tier"]: expected none, or a mirror with label values of its own`,
	},
	{
		"starts at zero and passes label values on",
		[]schema.Metric{counter(labels("tier")), counter(labels("tier"), func(m *schema.Int64Counter) {
			m.Name, m.PrometheusName = "kv.old_bytes", "kv:old_bytes"
			m.Mirrors = []schema.Mirror{{Of: "kv:load_bytes"}}
			m.StartsAtZero = true
		})},
		"starts-at-zero",
		`otelkv: metric "kv:old_bytes": starts at zero with label names ["tier"]: expected none, or a mirror with label values of its own`,
	},
	{
		"starts at zero from info",
		[]schema.Metric{gauge(func(m *schema.Int64Gauge) { m.StartsAtZero, m.FromInfo = true, true })},
		"starts-at-zero",
		`otelkv: metric "kv:jobs": starts at zero and is filled from info: its label values are not known at the start`,
	},
	{
		"counter from info",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.FromInfo = true })},
		"from-info",
		`otelkv: metric "kv:load_bytes": a counter of int64 filled from info: expected a gauge of int64`,
	},
	{
		"mirror from info",
		[]schema.Metric{gauge(), gauge(func(m *schema.Int64Gauge) {
			m.Name, m.PrometheusName = "kv.old", "kv:old"
			m.Mirrors = []schema.Mirror{{Of: "kv:jobs"}}
			m.FromInfo = true
		})},
		"from-info",
		`otelkv: metric "kv:old": filled from info and a mirror: expected one of them`,
	},
}
