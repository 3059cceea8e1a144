// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/otelkv/otelkv-go/schema/internal/difference"

	"github.com/otelkv/otelkv-go/schema"
)

func catalogue(t *testing.T, metrics ...schema.Metric) *schema.Catalogue {
	t.Helper()
	c, err := schema.NewCatalogue(metrics...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// units returns each definition's Prometheus name and unit, in order: enough
// to tell which of two definitions a merge kept, and where.
func units(c *schema.Catalogue) []string {
	var found []string
	for d := range c.All() {
		found = append(found, d.PrometheusName+" "+d.Unit)
	}
	return found
}

func withUnit(unit string) func(*schema.Int64Gauge) {
	return func(m *schema.Int64Gauge) { m.Unit = unit }
}

func TestMerge(t *testing.T) {
	base := catalogue(t, counter(), gauge(), histogram())
	added := gaugeNamed("kv.tiers", "kv:tiers")
	for _, tt := range []struct {
		name  string
		merge func() (*schema.Catalogue, error)
		want  []string
	}{
		{
			"nothing",
			func() (*schema.Catalogue, error) { return base.Merge() },
			[]string{"kv:load_bytes By", "kv:jobs {job}", "kv:load_size By"},
		},
		{
			"the later one wins and takes the earlier one's place",
			func() (*schema.Catalogue, error) {
				return base.Merge(catalogue(t, added, gauge(withUnit("1"))))
			},
			[]string{"kv:load_bytes By", "kv:jobs 1", "kv:load_size By", "kv:tiers {job}"},
		},
		{
			"the last of several wins",
			func() (*schema.Catalogue, error) {
				return base.Merge(catalogue(t, gauge(withUnit("1"))), catalogue(t, gauge(withUnit("%"))))
			},
			[]string{"kv:load_bytes By", "kv:jobs %", "kv:load_size By"},
		},
		{
			"with metrics",
			func() (*schema.Catalogue, error) { return base.With(added, gauge(withUnit("1")), gauge(withUnit("%"))) },
			[]string{"kv:load_bytes By", "kv:jobs %", "kv:load_size By", "kv:tiers {job}"},
		},
		{
			"with a mirror of what is there",
			func() (*schema.Catalogue, error) {
				return base.With(mirror(schema.Mirror{Of: "kv:load_bytes", LabelValues: []string{"load"}}))
			},
			[]string{"kv:load_bytes By", "kv:jobs {job}", "kv:load_size By", "kv:old_bytes By"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			merged, err := tt.merge()
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference.Of(tt.want, units(merged)); diff != "" {
				t.Errorf("definitions (-want +got):\n%s", diff)
			}
			if merged.Len() != len(tt.want) {
				t.Errorf("Len() = %d, want %d", merged.Len(), len(tt.want))
			}
		})
	}
	if diff := difference.Of([]string{"kv:load_bytes By", "kv:jobs {job}", "kv:load_size By"}, units(base)); diff != "" {
		t.Errorf("the catalogue that was merged into changed (-want +got):\n%s", diff)
	}
}

func TestMergeKeepsEveryRule(t *testing.T) {
	old := mirror(schema.Mirror{Of: "kv:load_bytes", LabelValues: []string{"load"}})
	for _, tt := range []struct {
		name  string
		base  *schema.Catalogue
		other *schema.Catalogue
		want  string
	}{
		{
			"a clash that is no replacement",
			catalogue(t, counter()), catalogue(t, gaugeNamed("kv.b", "kv:load_bytes_total")),
			`otelkv: metric "kv:load_bytes_total": an exposition would show "kv:load_bytes_total" for it and for the counter "kv:load_bytes"`,
		},
		{
			"a replacement that no longer fits its mirror",
			catalogue(t, counter(), old), catalogue(t, gaugeNamed("kv.b", "kv:load_bytes")),
			`otelkv: metric "kv:old_bytes": mirrors "kv:load_bytes", a gauge of int64: expected a counter of int64`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.base.Merge(tt.other)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	c := catalogue(t, counter(), gauge(), histogram())
	for _, name := range []string{"kv.load_size", "kv:load_size"} {
		if d, ok := c.Lookup(name); !ok || d.PrometheusName != "kv:load_size" || d.Kind() != schema.KindHistogram {
			t.Errorf("Lookup(%q) = %v, %t", name, d, ok)
		}
	}
	for _, name := range []string{"", "kv:load_size_count", "kv:load_bytes_total", "KV.LOAD_SIZE"} {
		if d, ok := c.Lookup(name); ok {
			t.Errorf("Lookup(%q) found %q", name, d.Name)
		}
	}
}

func TestTypedLookup(t *testing.T) {
	c := catalogue(t,
		counter(), gauge(), histogram(),
		schema.Float64Counter{Name: "kv.load_time", PrometheusName: "kv:load_time", Unit: "s", Description: "Seconds."},
		schema.Float64Gauge{Name: "kv.usage", PrometheusName: "kv:usage", Unit: "1", Description: "Fraction."},
	)
	lookups := []struct {
		form string
		name string
		find func(string) (schema.Metric, error)
	}{
		{"counter of int64", "kv:load_bytes", func(n string) (schema.Metric, error) { return c.Int64Counter(n) }},
		{"counter of float64", "kv:load_time", func(n string) (schema.Metric, error) { return c.Float64Counter(n) }},
		{"gauge of int64", "kv:jobs", func(n string) (schema.Metric, error) { return c.Int64Gauge(n) }},
		{"gauge of float64", "kv:usage", func(n string) (schema.Metric, error) { return c.Float64Gauge(n) }},
		{"histogram of float64", "kv:load_size", func(n string) (schema.Metric, error) { return c.Histogram(n) }},
	}
	for _, have := range lookups {
		for _, asked := range lookups {
			t.Run(have.form+" as "+asked.form, func(t *testing.T) {
				m, err := asked.find(have.name)
				if have.form == asked.form {
					if err != nil || m.Definition().PrometheusName != have.name {
						t.Errorf("got %q, %v", m.Definition().PrometheusName, err)
					}
					return
				}
				want := `otelkv: metric "` + have.name + `": wrong kind: it is a ` + have.form + `, not a ` + asked.form
				if !errors.Is(err, schema.ErrWrongKind) || err.Error() != want {
					t.Errorf("error %v, want %s", err, want)
				}
			})
		}
		t.Run("unknown as "+have.form, func(t *testing.T) {
			const want = `otelkv: metric "kv:none": not in the catalogue`
			if _, err := have.find("kv:none"); !errors.Is(err, schema.ErrUnknownMetric) || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

// People look a metric up under the name of its samples, or under that of a
// family that they expect "_total" to be added to.
func TestDidYouMean(t *testing.T) {
	c := catalogue(t, counter(), histogram(), gauge(), named("kv.declared", "kv:declared_total"))
	for name, want := range map[string]string{
		"kv:load_bytes_total":   "kv:load_bytes",
		"kv:load_bytes_created": "kv:load_bytes",
		"kv.load_bytes_total":   "kv.load_bytes",
		"kv:declared":           "kv:declared_total",
		"kv:load_size_bucket":   "kv:load_size",
		"kv:load_size_count":    "kv:load_size",
		"kv:load_size_sum":      "kv:load_size",
		"kv:jobs_total":         "kv:jobs",
		"kv:load":               "",
		"kv:load_bytes_total_":  "",
		"_total":                "",
		"":                      "",
	} {
		text := fmt.Sprintf("otelkv: metric %q: not in the catalogue", name)
		if want != "" {
			text += fmt.Sprintf(": did you mean %q?", want)
		}
		_, err := c.Int64Counter(name)
		if !errors.Is(err, schema.ErrUnknownMetric) || err.Error() != text {
			t.Errorf("error %v, want %s", err, text)
		}
	}
}

// A definition that passed the rules must not change when its author's slices
// do.
func TestCatalogueOwnsItsSlices(t *testing.T) {
	names, boundaries, values := []string{"direction"}, []float64{1, 10}, []string{"load"}
	known := map[string][]string{"direction": {"load"}}
	mirrors := []schema.Mirror{{Of: "kv:load_size", LabelValues: values}}
	size := histogram(func(m *schema.Histogram) {
		m.Name, m.PrometheusName = "kv.size", "kv:size"
		m.LabelNames, m.LabelValues, m.Boundaries, m.Mirrors = names, known, boundaries, mirrors
	})
	built := catalogue(t, histogram(), size)
	added, err := catalogue(t, histogram()).With(size)
	if err != nil {
		t.Fatal(err)
	}
	names[0], boundaries[0], values[0] = "le", 100, "\xff"
	known["direction"][0] = "\xff"
	known["le"] = nil
	mirrors[0].Of = "kv:none"
	for i, c := range []*schema.Catalogue{built, added} {
		d, _ := c.Lookup("kv:size")
		if d.LabelNames[0] != "direction" || d.Boundaries[0] != 1 || d.Mirrors[0].Of != "kv:load_size" ||
			d.Mirrors[0].LabelValues[0] != "load" || len(d.LabelValues) != 1 || d.LabelValues["direction"][0] != "load" {
			t.Errorf("definition %d changed: %+v", i, d)
		}
	}
}

// Nobody has to tell a definition with no mirrors from one with none listed.
func TestNoMirrorsIsNil(t *testing.T) {
	c := catalogue(t, counter(func(m *schema.Int64Counter) { m.Mirrors = []schema.Mirror{} }))
	if d, _ := c.Lookup("kv:load_bytes"); d.Mirrors != nil {
		t.Errorf("mirrors are %v, want nil", d.Mirrors)
	}
}

func TestMustCataloguePanics(t *testing.T) {
	defer func() {
		err, ok := recover().(error)
		if want := `otelkv: metric "kv:load_bytes": prometheus name is used twice`; !ok || err.Error() != want {
			t.Errorf("panic with %v, want %s", err, want)
		}
	}()
	schema.MustCatalogue(counter(), named("kv.b", "kv:load_bytes"))
}

func TestSampleName(t *testing.T) {
	for _, tt := range []struct {
		metric schema.Metric
		want   string
	}{
		{named("kv.a", "kv:a"), "kv:a_total"},
		{named("kv.a", "kv:a_total"), "kv:a_total"},
		{named("kv.a", "kv:total_a"), "kv:total_a_total"},
		{named("kv.a", "kv:a_totals"), "kv:a_totals_total"},
		{gaugeNamed("kv.a", "kv:a"), "kv:a"},
		{gaugeNamed("kv.a", "kv:a_total"), "kv:a_total"},
		{histogram(), "kv:load_size"},
	} {
		d := tt.metric.Definition()
		t.Run(d.Kind().String()+" "+d.PrometheusName, func(t *testing.T) {
			if got := d.SampleName(); got != tt.want {
				t.Errorf("SampleName() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestKindWords(t *testing.T) {
	kinds := []schema.Kind{schema.KindCounter, schema.KindGauge, schema.KindHistogram}
	for i, word := range []string{"counter", "gauge", "histogram"} {
		if got := kinds[i].String(); got != word {
			t.Errorf("String() = %q, want %q", got, word)
		}
	}
	words := []string{schema.Kind(0).String(), schema.NumberKind(9).String(), schema.StabilityStable.String(), schema.StabilityDeprecated.String()}
	if want := []string{"Kind(0)", "NumberKind(9)", "stable", "deprecated"}; !slices.Equal(words, want) {
		t.Errorf("words %q, want %q", words, want)
	}
}
