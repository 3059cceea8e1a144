package schema_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// named returns a counter with other names than counter's.
func named(name, prometheusName string) schema.Metric {
	return counter(func(m *schema.Int64Counter) { m.Name, m.PrometheusName = name, prometheusName })
}

func gaugeNamed(name, prometheusName string) schema.Metric {
	return gauge(func(m *schema.Int64Gauge) { m.Name, m.PrometheusName = name, prometheusName })
}

// mirror returns a counter that repeats others and has one label name.
func mirror(mirrors ...schema.Mirror) schema.Metric {
	return counter(func(m *schema.Int64Counter) {
		m.Name, m.PrometheusName = "kv.old_bytes", "kv:old_bytes"
		m.LabelNames = []string{"direction"}
		m.Mirrors = mirrors
	})
}

func labels(names ...string) func(*schema.Int64Counter) {
	return func(m *schema.Int64Counter) { m.LabelNames = names }
}

var rules = []struct {
	name    string
	metrics []schema.Metric
	rule    string
	want    string
}{
	{
		"no kind",
		[]schema.Metric{schema.Definition{Name: "kv.a", PrometheusName: "kv:a", Unit: "1", Description: "A."}},
		"kind",
		`otelkv: metric "kv:a": no kind: expected one of the typed forms, such as Int64Counter or Histogram`,
	},
	{
		"name empty",
		[]schema.Metric{named("", "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"name with a colon",
		[]schema.Metric{named("kv:a", "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "kv:a" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"name begins with a digit",
		[]schema.Metric{named("1a", "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "1a" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"name too long",
		[]schema.Metric{named(strings.Repeat("a", 256), "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "` + strings.Repeat("a", 256) + `" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"names that differ in case",
		[]schema.Metric{named("kv.Load", "kv:a"), named("kv.load", "kv:b")},
		"name-unique",
		`otelkv: metric "kv:b": name "kv.load" is that of metric "kv:a": expected names that differ in more than case`,
	},
	{
		"names that translate to one",
		[]schema.Metric{named("kv.tier/load", "kv:a"), named("kv-tier.load", "kv:b")},
		"name-translation",
		`otelkv: metric "kv:b": name "kv-tier.load" becomes "kv_tier_load" for prometheus, as does "kv.tier/load" of metric "kv:a"`,
	},
	{
		"name is another's prometheus name",
		[]schema.Metric{named("load", "kv:a"), named("kv.b", "load")},
		"name-ambiguous",
		`otelkv: metric "kv:a": name "load" is the prometheus name of another metric, "kv.b"`,
	},
	{
		"prometheus name empty",
		[]schema.Metric{named("kv.a", "")},
		"prometheus-name",
		`otelkv: metric "kv.a": prometheus name "" is no metric name: expected a letter, _ or :, then letters, digits, _ and :`,
	},
	{
		"prometheus name with a dot",
		[]schema.Metric{named("kv.a", "kv.a")},
		"prometheus-name",
		`otelkv: metric "kv.a": prometheus name "kv.a" is no metric name: expected a letter, _ or :, then letters, digits, _ and :`,
	},
	{
		"prometheus name begins with a digit",
		[]schema.Metric{named("kv.a", "1a")},
		"prometheus-name",
		`otelkv: metric "1a": prometheus name "1a" is no metric name: expected a letter, _ or :, then letters, digits, _ and :`,
	},
	{
		"prometheus name twice",
		[]schema.Metric{named("kv.a", "kv:a"), named("kv.b", "kv:a")},
		"prometheus-name-unique",
		`otelkv: metric "kv:a": prometheus name is used twice`,
	},
	{
		"counters with and without _total",
		[]schema.Metric{named("kv.a", "kv:a"), named("kv.b", "kv:a_total")},
		"sample-names",
		`otelkv: metric "kv:a_total": an exposition would show "kv:a" for it and for the counter "kv:a"
otelkv: metric "kv:a_total": an exposition would show "kv:a_total" for it and for the counter "kv:a"
otelkv: metric "kv:a_total": an exposition would show "kv:a_created" for it and for the counter "kv:a"`,
	},
	{
		"gauge with a counter's sample name",
		[]schema.Metric{named("kv.a", "kv:a"), gaugeNamed("kv.b", "kv:a_total")},
		"sample-names",
		`otelkv: metric "kv:a_total": an exposition would show "kv:a_total" for it and for the counter "kv:a"`,
	},
	{
		"gauge with a counter's OpenMetrics family",
		[]schema.Metric{named("kv.a", "kv:a_total"), gaugeNamed("kv.b", "kv:a")},
		"sample-names",
		`otelkv: metric "kv:a": an exposition would show "kv:a" for it and for the counter "kv:a_total"`,
	},
	{
		"gauge with a counter's creation time",
		[]schema.Metric{named("kv.a", "kv:a"), gaugeNamed("kv.b", "kv:a_created")},
		"sample-names",
		`otelkv: metric "kv:a_created": an exposition would show "kv:a_created" for it and for the counter "kv:a"`,
	},
	{
		"gauge with a histogram's count",
		[]schema.Metric{histogram(), gaugeNamed("kv.b", "kv:load_size_count")},
		"sample-names",
		`otelkv: metric "kv:load_size_count": an exposition would show "kv:load_size_count" for it and for the histogram "kv:load_size"`,
	},
	{
		"gauge with a histogram's sum",
		[]schema.Metric{histogram(), gaugeNamed("kv.b", "kv:load_size_sum")},
		"sample-names",
		`otelkv: metric "kv:load_size_sum": an exposition would show "kv:load_size_sum" for it and for the histogram "kv:load_size"`,
	},
	{
		"histogram after a gauge with its buckets' name",
		[]schema.Metric{gaugeNamed("kv.b", "kv:load_size_bucket"), histogram()},
		"sample-names",
		`otelkv: metric "kv:load_size": an exposition would show "kv:load_size_bucket" for it and for the gauge "kv:load_size_bucket"`,
	},
	{
		"gauge with a histogram's creation time",
		[]schema.Metric{histogram(), gaugeNamed("kv.b", "kv:load_size_created")},
		"sample-names",
		`otelkv: metric "kv:load_size_created": an exposition would show "kv:load_size_created" for it and for the histogram "kv:load_size"`,
	},
	{
		"no unit",
		[]schema.Metric{counter(func(m *schema.Int64Counter) { m.Unit = "" })},
		"unit",
		`otelkv: metric "kv:load_bytes": no unit: expected one of UCUM, such as "By", "s", "1" or "{job}"`,
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
		"label name illegal",
		[]schema.Metric{counter(labels("tier.name"))},
		"label-names",
		`otelkv: metric "kv:load_bytes": label name "tier.name" is illegal: expected a letter or _, then letters, digits and _`,
	},
	{
		"label name empty",
		[]schema.Metric{counter(labels(""))},
		"label-names",
		`otelkv: metric "kv:load_bytes": label name "" is illegal: expected a letter or _, then letters, digits and _`,
	},
	{
		"label name twice",
		[]schema.Metric{counter(labels("tier", "tier"))},
		"label-names-unique",
		`otelkv: metric "kv:load_bytes": label name "tier" is used twice`,
	},
	{
		"label name of the model",
		[]schema.Metric{counter(labels("model_name"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "model_name" is reserved: every series has it from its engine`,
	},
	{
		"label name of the engine",
		[]schema.Metric{counter(labels("engine"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "engine" is reserved: every series has it from its engine`,
	},
	{
		"label name of a bucket",
		[]schema.Metric{counter(labels("le"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "le" is reserved: prometheus sets it on histograms and summaries`,
	},
	{
		"label name of a quantile",
		[]schema.Metric{counter(labels("quantile"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "quantile" is reserved: prometheus sets it on histograms and summaries`,
	},
	{
		"label name of the scope",
		[]schema.Metric{counter(labels("otel_scope_name"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "otel_scope_name" is reserved: exporters set it from the instrumentation scope`,
	},
	{
		"label name of prometheus",
		[]schema.Metric{counter(labels("__name__"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "__name__" is reserved: prometheus keeps names that begin with __`,
	},
	{
		"mirror of nothing",
		[]schema.Metric{counter(), mirror(schema.Mirror{Of: "kv:none", LabelValues: []string{"load"}})},
		"mirror-source",
		`otelkv: metric "kv:old_bytes": mirrors "kv:none", which is not in the catalogue`,
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
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			_, err := schema.NewCatalogue(tt.metrics...)
			if err == nil {
				t.Fatalf("no error, want %s", tt.want)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			var breach schema.DefinitionError
			if !errors.As(err, &breach) || breach.Rule != tt.rule {
				t.Errorf("rule %q, want %q", breach.Rule, tt.rule)
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
		counter(labels("engine", "engine"), func(m *schema.Int64Counter) { m.Unit = "" }),
		histogram(func(m *schema.Histogram) {
			m.Boundaries = []float64{2, 1, math.Inf(1)}
			m.Description = ""
		}),
		gaugeNamed("kv.Load_Bytes", "kv:load_size_sum"),
	)
	want := []schema.DefinitionError{
		{Metric: "kv:load_bytes", Rule: "unit", Reason: `no unit: expected one of UCUM, such as "By", "s", "1" or "{job}"`},
		{Metric: "kv:load_bytes", Rule: "label-names-unique", Reason: `label name "engine" is used twice`},
		{Metric: "kv:load_bytes", Rule: "label-names-reserved", Reason: `label name "engine" is reserved: every series has it from its engine`},
		{Metric: "kv:load_size", Rule: "description", Reason: "no description"},
		{Metric: "kv:load_size", Rule: "boundaries", Reason: "boundary 1 after 2: expected them to ascend"},
		{Metric: "kv:load_size", Rule: "boundaries", Reason: "boundary +Inf is not finite"},
		{Metric: "kv:load_size_sum", Rule: "name-unique", Reason: `name "kv.Load_Bytes" is that of metric "kv:load_bytes": expected names that differ in more than case`},
		{Metric: "kv:load_size_sum", Rule: "sample-names", Reason: `an exposition would show "kv:load_size_sum" for it and for the histogram "kv:load_size"`},
	}
	if diff := cmp.Diff(want, breaches(t, err)); diff != "" {
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
		found = append(found, e.(schema.DefinitionError))
	}
	return found
}
