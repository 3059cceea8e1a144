// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema/internal/difference"

	"github.com/otelkv/otelkv-go/schema"
)

// counter, gauge and histogram return definitions that keep every rule. A case
// breaks them in one place.

func counter(change ...func(*schema.Int64Counter)) schema.Metric {
	m := schema.Int64Counter{
		Name:           "kv.load_bytes",
		PrometheusName: "kv:load_bytes",
		Unit:           "By",
		Description:    "Bytes loaded.",
	}
	for _, c := range change {
		c(&m)
	}
	return m
}

func gauge(change ...func(*schema.Int64Gauge)) schema.Metric {
	m := schema.Int64Gauge{
		Name:           "kv.jobs",
		PrometheusName: "kv:jobs",
		Unit:           "{job}",
		Description:    "Jobs in flight.",
	}
	for _, c := range change {
		c(&m)
	}
	return m
}

func additive(m *schema.Int64Gauge) { m.Additive = true }

func histogram(change ...func(*schema.Histogram)) schema.Metric {
	m := schema.Histogram{
		Name:           "kv.load_size",
		PrometheusName: "kv:load_size",
		Unit:           "By",
		Description:    "Size of one load.",
		Boundaries:     []float64{1, 10},
	}
	for _, c := range change {
		c(&m)
	}
	return m
}

// A breach is a set of metrics that breaks one rule.
type breach struct {
	name    string
	metrics []schema.Metric
	rule    string
	want    string
}

var otherBreaches = []breach{
	{
		"no kind",
		[]schema.Metric{schema.Definition{Name: "kv.a", PrometheusName: "kv:a", Unit: "1", Description: "A."}},
		"kind",
		`otelkv: metric "kv:a": no kind: expected one of the typed forms, such as Int64Counter or Histogram`,
	},
	{
		"additive counter",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Additive = true })},
		"additive",
		`otelkv: metric "kv:load_bytes": additive counter: expected it on gauges only`,
	},
	{
		"additive histogram",
		[]schema.Metric{histogram(func(m *schema.Histogram) { m.Additive = true })},
		"additive",
		`otelkv: metric "kv:load_size": additive histogram: expected it on gauges only`,
	},
	{
		"additive info",
		[]schema.Metric{gauge(func(m *schema.Int64Gauge) { m.Additive, m.FromInfo = true, true })},
		"additive",
		`otelkv: metric "kv:jobs": additive and filled from info: the value of an info metric does not add up`,
	},
	{
		"unit in words",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Unit = "bytes" })},
		"unit",
		`otelkv: metric "kv:load_bytes": unit "bytes" is not understood: expected one of UCUM, such as "By", "s", "1", "{job}" or "s/MiBy", at most 63 bytes`,
	},
	{
		"no description",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Description = " " })},
		"description",
		`otelkv: metric "kv:load_bytes": no description`,
	},
	{
		"description not UTF-8",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Description = "a\xff" })},
		"description",
		`otelkv: metric "kv:load_bytes": description is not UTF-8`,
	},
	{
		"boundaries on a counter",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Boundaries = []float64{1} })},
		"boundaries",
		`otelkv: metric "kv:load_bytes": boundaries on a counter: expected them on histograms only`,
	},
	{
		"no boundaries",
		[]schema.Metric{histogram(func(m *schema.Histogram) { m.Boundaries = nil })},
		"boundaries",
		`otelkv: metric "kv:load_size": no boundaries: expected at least one on a histogram`,
	},
	{
		"boundary infinite",
		[]schema.Metric{histogram(func(m *schema.Histogram) { m.Boundaries = []float64{1, math.Inf(1)} })},
		"boundaries",
		`otelkv: metric "kv:load_size": boundary +Inf is not finite`,
	},
	{
		"boundary not a number",
		[]schema.Metric{histogram(func(m *schema.Histogram) { m.Boundaries = []float64{math.NaN(), 1} })},
		"boundaries",
		`otelkv: metric "kv:load_size": boundary NaN is not finite`,
	},
	{
		"boundary twice",
		[]schema.Metric{histogram(func(m *schema.Histogram) { m.Boundaries = []float64{1, 1} })},
		"boundaries",
		`otelkv: metric "kv:load_size": boundary 1 after 1: expected them to ascend`,
	},
	{
		"boundaries descend",
		[]schema.Metric{histogram(func(m *schema.Histogram) { m.Boundaries = []float64{2, 1} })},
		"boundaries",
		`otelkv: metric "kv:load_size": boundary 1 after 2: expected them to ascend`,
	},
	{
		"stability unknown",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Stability = 7 })},
		"deprecated",
		`otelkv: metric "kv:load_bytes": stability Stability(7) is none of development, stable and deprecated`,
	},
	{
		"deprecated for nothing",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Stability = schema.StabilityDeprecated })},
		"deprecated",
		`otelkv: metric "kv:load_bytes": deprecated without a replacement: expected ReplacedBy`,
	},
	{
		"replaced but not deprecated",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.ReplacedBy = "kv:b" })},
		"deprecated",
		`otelkv: metric "kv:load_bytes": replaced by "kv:b" but development: expected StabilityDeprecated`,
	},
}

func TestNewCatalogueRules(t *testing.T) {
	for _, tt := range slices.Concat(nameBreaches, labelBreaches, mirrorBreaches, otherBreaches) {
		t.Run(tt.name, func(t *testing.T) {
			_, err := schema.NewCatalogue(tt.metrics...)
			if err == nil {
				t.Fatalf("no error, want %s", tt.want)
			}
			if diff := difference.Of(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			var found schema.DefinitionError
			if !errors.As(err, &found) || found.Rule != tt.rule {
				t.Errorf("rule %q, want %q", found.Rule, tt.rule)
			}
		})
	}
}

// Each case above breaks one rule of the definitions that it starts from, so
// those must break none.
func TestNewCatalogueAccepts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		metrics []schema.Metric
	}{
		{"nothing", nil},
		{"plain", []schema.Metric{counter(), gauge(), histogram()}},
		{"longest name", []schema.Metric{named(strings.Repeat("a", 255), "kv:a")}},
		{"one name for both", []schema.Metric{named("kv_a", "kv_a")}},
		{"declared total", []schema.Metric{named("kv.a", "kv:a_total")}},
		{"gauge with a name in total", []schema.Metric{gaugeNamed("kv.a", "kv:a_total")}},
		{"labels", []schema.Metric{counter(labels("tier", "_outcome2"))}},
		{"label values", []schema.Metric{counter(labels("outcome"), labelValues("outcome", "ok", "dropped"))}},
		{"primary tier", []schema.Metric{counter(labels("tier"), func(m *schema.Int64Counter) { m.PrimaryTier = true })}},
		{"mirror with label values", []schema.Metric{mirror(schema.Mirror{Of: "kv:load_bytes", LabelValues: []string{"load"}}), counter()}},
		{"mirror that passes label values on", []schema.Metric{mirror(schema.Mirror{Of: "kv:load_bytes"}), counter(labels("direction"))}},
		{"mirror at zero", []schema.Metric{counter(), counter(labels("direction"), func(m *schema.Int64Counter) {
			m.Name, m.PrometheusName = "kv.old_bytes", "kv:old_bytes"
			m.Mirrors = []schema.Mirror{{Of: "kv:load_bytes", LabelValues: []string{schema.Medium + "_to_GPU"}}}
			m.StartsAtZero = true
		})}},
		{"info", []schema.Metric{gauge(func(m *schema.Int64Gauge) {
			m.FromInfo = true
			m.LabelNames = []string{"chunks"}
		})}},
		{"no unit", []schema.Metric{counter(func(m *schema.Int64Counter) { m.Unit = "" })}},
		{"additive", []schema.Metric{gauge(additive)}},
		{"additive and mirrored", []schema.Metric{gauge(additive), gauge(additive, func(m *schema.Int64Gauge) {
			m.Name, m.PrometheusName = "kv.old_jobs", "kv:old_jobs"
			m.Mirrors = []schema.Mirror{{Of: "kv:jobs"}}
		})}},
		{"deprecated", []schema.Metric{counter(func(m *schema.Int64Counter) {
			m.Stability, m.ReplacedBy = schema.StabilityDeprecated, "kv:b"
		})}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := schema.NewCatalogue(tt.metrics...); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewCatalogueReportsEverythingAtOnce(t *testing.T) {
	_, err := schema.NewCatalogue(
		counter(labels("engine", "engine"), func(m *schema.Int64Counter) { m.Unit = "!" }),
		histogram(func(m *schema.Histogram) {
			m.Boundaries = []float64{2, 1, math.Inf(1)}
			m.Description = ""
		}),
		gaugeNamed("kv.Load_Bytes", "kv:load_size_sum"),
	)
	want := []schema.DefinitionError{
		{Metric: "kv:load_bytes", Rule: "unit", Reason: `unit "!" is not understood: expected one of UCUM, such as "By", "s", "1", "{job}" or "s/MiBy", at most 63 bytes`},
		{Metric: "kv:load_bytes", Rule: "label-names-unique", Reason: `label name "engine" is used twice`},
		{Metric: "kv:load_bytes", Rule: "label-names-reserved", Reason: `label name "engine" is reserved: every series has it from its engine`},
		{Metric: "kv:load_size", Rule: "description", Reason: "no description"},
		{Metric: "kv:load_size", Rule: "boundaries", Reason: "boundary 1 after 2: expected them to ascend"},
		{Metric: "kv:load_size", Rule: "boundaries", Reason: "boundary +Inf is not finite"},
		{Metric: "kv:load_size_sum", Rule: "name-unique", Reason: `name "kv.Load_Bytes" is that of metric "kv:load_bytes": expected names that differ in more than case`},
		{Metric: "kv:load_size_sum", Rule: "sample-names", Reason: `an exposition would show "kv:load_size_sum" for it and for the histogram "kv:load_size"`},
	}
	if diff := difference.Of(want, breaches(t, err)); diff != "" {
		t.Errorf("breaches (-want +got):\n%s", diff)
	}
}

// breaches returns the parts of a joined error.
func breaches(t *testing.T, err error) []schema.DefinitionError {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v is no joined error", err)
	}
	var found []schema.DefinitionError
	for _, e := range joined.Unwrap() {
		var one schema.DefinitionError
		if !errors.As(e, &one) {
			t.Fatalf("%v is no DefinitionError", e)
		}
		found = append(found, one)
	}
	return found
}
