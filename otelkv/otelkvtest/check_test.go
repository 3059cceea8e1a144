// SPDX-License-Identifier: Apache-2.0

package otelkvtest_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
)

var (
	reads = schema.Int64Counter{Name: "x.reads", PrometheusName: "x_reads", Unit: "By", Description: "Reads.", LabelNames: []string{"tier"}}
	sizes = schema.Histogram{Name: "x.sizes", PrometheusName: "x_sizes", Unit: "By", Description: "Sizes.", Boundaries: []float64{1, 10}}
	again = schema.Int64Counter{Name: "x.again", PrometheusName: "x_again", Unit: "By", Description: "Reads again.", LabelNames: []string{"tier"},
		Mirrors: []schema.Mirror{{Of: "x_reads"}}}
	both = schema.Histogram{Name: "x.both", PrometheusName: "x_both", Unit: "By", Description: "Sizes again.", LabelNames: []string{"of"}, Boundaries: []float64{1, 10},
		Mirrors: []schema.Mirror{{Of: "x_sizes", LabelValues: []string{"sizes"}}}}
	jobs = schema.Int64Gauge{Name: "x.jobs", PrometheusName: "x_jobs", Unit: "{job}", Description: "Jobs."}
	work = schema.Int64Gauge{Name: "x.work", PrometheusName: "x_work", Unit: "{job}", Description: "Jobs again.", Mirrors: []schema.Mirror{{Of: "x_jobs"}}}
)

func set(pairs ...string) attribute.Set {
	kvs := []attribute.KeyValue{attribute.String("model_name", "m"), attribute.String("engine", "0")}
	for i := 0; i < len(pairs); i += 2 {
		kvs = append(kvs, attribute.String(pairs[i], pairs[i+1]))
	}
	return attribute.NewSet(kvs...)
}

func sum[N int64 | float64](value N, attributes attribute.Set) metricdata.Sum[N] {
	return metricdata.Sum[N]{IsMonotonic: true, Temporality: metricdata.CumulativeTemporality,
		DataPoints: []metricdata.DataPoint[N]{{Attributes: attributes, StartTime: time.Unix(1, 0), Time: time.Unix(2, 0), Value: value}}}
}

func distribution(bounds []float64, counts []uint64, count uint64) metricdata.Histogram[float64] {
	return metricdata.Histogram[float64]{DataPoints: []metricdata.HistogramDataPoint[float64]{{
		Attributes: set(), StartTime: time.Unix(1, 0), Time: time.Unix(2, 0), Bounds: bounds, BucketCounts: counts, Count: count}}}
}

func readsAs(data metricdata.Aggregation) metricdata.Metrics {
	return metricdata.Metrics{Name: "x.reads", Unit: "By", Description: "Reads.", Data: data}
}

func sizesAs(data metricdata.Aggregation) metricdata.Metrics {
	return metricdata.Metrics{Name: "x.sizes", Unit: "By", Description: "Sizes.", Data: data}
}

// TestCheck breaks one rule at a time.
func TestCheck(t *testing.T) {
	tier := set("tier", "1:fs")
	good := readsAs(sum[int64](7, tier))
	twice := sum[int64](7, tier)
	twice.DataPoints = append(twice.DataPoints, twice.DataPoints...)
	late := sum[int64](7, tier)
	late.DataPoints[0].StartTime = time.Unix(3, 0)
	decreasing := sum[int64](7, tier)
	decreasing.IsMonotonic = false
	other := attribute.NewSet(attribute.String("model_name", "m"), attribute.String("engine", "1"), attribute.String("tier", "1:fs"))
	again5 := distribution([]float64{1, 10}, []uint64{1, 1, 3}, 5)
	again5.DataPoints[0].Attributes = set("of", "sizes")
	integer := attribute.NewSet(attribute.String("model_name", "m"), attribute.Int("engine", 0), attribute.String("tier", "1:fs"))
	for name, c := range map[string]struct {
		metrics []metricdata.Metrics
		rule    string
		says    string
	}{
		"good":                    {[]metricdata.Metrics{good, sizesAs(distribution([]float64{1, 10}, []uint64{1, 2, 3}, 6))}, "", ""},
		"not in the catalogue":    {[]metricdata.Metrics{{Name: "y", Data: sum[int64](7, tier)}}, "catalogue", "not in the catalogue"},
		"Prometheus name":         {[]metricdata.Metrics{{Name: "x_reads", Data: sum[int64](7, tier)}}, "catalogue", `expected the OpenTelemetry name "x.reads"`},
		"unit":                    {[]metricdata.Metrics{{Name: "x.reads", Unit: "s", Description: "Reads.", Data: sum[int64](7, tier)}}, "unit", `expected "By"`},
		"description":             {[]metricdata.Metrics{{Name: "x.reads", Unit: "By", Data: sum[int64](7, tier)}}, "description", `expected "Reads."`},
		"gauge for a counter":     {[]metricdata.Metrics{readsAs(metricdata.Gauge[int64]{DataPoints: sum[int64](7, tier).DataPoints})}, "kind", "emitted as a gauge"},
		"sum that can go down":    {[]metricdata.Metrics{readsAs(decreasing)}, "kind", "sum that can go down"},
		"exponential histogram":   {[]metricdata.Metrics{sizesAs(metricdata.ExponentialHistogram[float64]{})}, "kind", "expected a histogram"},
		"number":                  {[]metricdata.Metrics{readsAs(sum(7.5, tier))}, "number", "expected int64"},
		"boundaries":              {[]metricdata.Metrics{sizesAs(distribution([]float64{1, 9}, []uint64{1, 2, 3}, 6))}, "boundaries", "expected [1 10]"},
		"number of buckets":       {[]metricdata.Metrics{sizesAs(distribution([]float64{1, 10}, []uint64{6}, 6))}, "boundaries", "expected 3"},
		"count of buckets":        {[]metricdata.Metrics{sizesAs(distribution([]float64{1, 10}, []uint64{1, 2, 3}, 7))}, "values", "expected the same"},
		"label missing":           {[]metricdata.Metrics{readsAs(sum[int64](7, set()))}, "labels", `lacks the label "tier"`},
		"label too many":          {[]metricdata.Metrics{readsAs(sum[int64](7, set("tier", "1:fs", "pod", "p")))}, "labels", `has the label "pod"`},
		"label that is no string": {[]metricdata.Metrics{readsAs(sum[int64](7, integer))}, "label-values", "expected a string"},
		"negative counter":        {[]metricdata.Metrics{readsAs(sum[int64](-7, tier))}, "values", "not negative"},
		"not finite":              {[]metricdata.Metrics{sizesAs(notFinite())}, "values", "finite"},
		"starts after its point":  {[]metricdata.Metrics{readsAs(late)}, "times", "expected a time before"},
		"twice in one metric":     {[]metricdata.Metrics{readsAs(twice)}, "series", "emitted twice"},
		"twice in two metrics":    {[]metricdata.Metrics{good, good}, "series", "emitted twice"},
		"mirror differs": {[]metricdata.Metrics{good, {Name: "x.again", Unit: "By", Description: "Reads again.", Data: sum[int64](6, tier)}},
			"mirrors", `expected 7, as those of ["x_reads"]`},
		"mirror of another engine": {[]metricdata.Metrics{
			readsAs(metricdata.Sum[int64]{IsMonotonic: true, DataPoints: slices.Concat(sum[int64](7, tier).DataPoints, sum[int64](6, other).DataPoints)}),
			{Name: "x.again", Unit: "By", Description: "Reads again.", Data: metricdata.Sum[int64]{IsMonotonic: true,
				DataPoints: slices.Concat(sum[int64](6, tier).DataPoints, sum[int64](7, other).DataPoints)}},
		}, "mirrors", `{engine="0",model_name="m",tier="1:fs"}: they amount to 6: expected 7`},
		"mirror with other samples": {[]metricdata.Metrics{
			sizesAs(distribution([]float64{1, 10}, []uint64{1, 2, 3}, 6)),
			{Name: "x.both", Unit: "By", Description: "Sizes again.", Data: again5},
		}, "mirrors", "they hold 5 samples: expected 6"},
		"mirror of a gauge": {[]metricdata.Metrics{
			{Name: "x.jobs", Unit: "{job}", Description: "Jobs.", Data: metricdata.Gauge[int64]{DataPoints: sum[int64](7, set()).DataPoints}},
			{Name: "x.work", Unit: "{job}", Description: "Jobs again.", Data: metricdata.Gauge[int64]{DataPoints: sum[int64](6, set()).DataPoints}},
		}, "mirrors", `expected 7, as those of ["x_jobs"]`},
		"mirror of nothing": {[]metricdata.Metrics{{Name: "x.again", Unit: "By", Description: "Reads again.", Data: sum[int64](6, tier)}}, "mirrors", "expected 0"},
	} {
		t.Run(name, func(t *testing.T) {
			emitted := metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: c.metrics}}}
			err := otelkvtest.Check(schema.MustCatalogue(reads, sizes, again, both, jobs, work), emitted)
			if c.rule == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var got *otelkvtest.CheckError
			if !errors.As(err, &got) || got.Rule != c.rule || !strings.Contains(got.Reason, c.says) {
				t.Fatalf("got %v, want a breach of the rule %q that says %q", err, c.rule, c.says)
			}
			if !strings.HasPrefix(err.Error(), "otelkv: metric ") {
				t.Errorf("the error reads %q", err)
			}
		})
	}
}

func notFinite() metricdata.Histogram[float64] {
	h := distribution([]float64{1, 10}, []uint64{1, 2, 3}, 6)
	h.DataPoints[0].Sum = math.NaN()
	return h
}

func TestCheckOptions(t *testing.T) {
	attributes := attribute.NewSet(attribute.String("engine_index", "0"), attribute.String("tier", "1:fs"), attribute.String("replica", "r"))
	emitted := metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{readsAs(sum[int64](7, attributes))}}}}
	catalogue := schema.MustCatalogue(reads)
	if err := otelkvtest.Check(catalogue, emitted); err == nil {
		t.Error("labels of the host's are no breach without options")
	}
	if err := otelkvtest.Check(catalogue, emitted, otelkvtest.WithEngineLabels("engine_index"), otelkvtest.WithOptionalLabels("replica")); err != nil {
		t.Error(err)
	}
}

func TestCheckReportsEveryBreach(t *testing.T) {
	bad := metricdata.Metrics{Name: "x.reads", Unit: "s", Data: sum(7.5, set())}
	err := otelkvtest.Check(schema.MustCatalogue(reads), metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{bad}}}})
	for _, rule := range []string{"its unit", "its description", "its values are float64", `lacks the label "tier"`} {
		if err == nil || !strings.Contains(err.Error(), rule) {
			t.Errorf("the error %v does not say %q", err, rule)
		}
	}
}
