// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// A sample is the value of a series, or its sum and cumulative buckets.
type sample struct {
	Value  float64
	Counts string
}

// TestCollectorAgreesWithReaders records random samples of every kind in several
// goroutines, and repeatedly compares what a registry gathers with what a reader of the
// SDK collects from the same recorder.
func TestCollectorAgreesWithReaders(t *testing.T) {
	labels := []string{"tier"}
	bytes := schema.Int64Counter{Name: "p.bytes", PrometheusName: "p_bytes", Unit: "By", Description: "Bytes.", LabelNames: labels}
	seconds := schema.Float64Counter{Name: "p.time", PrometheusName: "p_time", Unit: "s", Description: "Time.", LabelNames: labels}
	usage := schema.Float64Gauge{Name: "p.usage", PrometheusName: "p_usage", Unit: "1", Description: "Usage.", LabelNames: labels}
	size := schema.Histogram{Name: "p.size", PrometheusName: "p_size", Unit: "By", Description: "Sizes.", LabelNames: labels, Boundaries: []float64{0, 0.5, 8, 64}}
	copied := schema.Int64Counter{Name: "p.copy", PrometheusName: "p_copy", Unit: "By", Description: "Bytes again.", LabelNames: labels,
		Mirrors: []schema.Mirror{{Of: "p_bytes"}}}
	recorder := newRecorder(t, schema.MustCatalogue(bytes, seconds, usage, size, copied))
	producer, err := recorder.Producer()
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(producer))
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	registry := promclient.NewRegistry()
	registry.MustRegister(newCollector(t, recorder))
	engines := []*otelkv.Engine{addEngine(t, recorder, 0), addEngine(t, recorder, 1)}

	for round := range uint64(10) {
		var wg sync.WaitGroup
		for writer := range uint64(4) {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(round, writer))
				for range 50 {
					engine, tier := engines[random.IntN(2)], fmt.Sprintf("%d:fs", random.IntN(4))
					// Sums of eighths are exact in any order.
					value := float64(random.IntN(1024)) / 8
					must[otelkv.Int64Counter](t)(engine.Int64Counter(bytes, tier)).Add(int64(value))
					must[otelkv.Float64Counter](t)(engine.Float64Counter(seconds, tier)).Add(value)
					must[otelkv.Float64Gauge](t)(engine.Float64Gauge(usage, tier)).Record(value)
					must[otelkv.Histogram](t)(engine.Histogram(size, tier)).Record(value)
				}
			})
		}
		wg.Wait()
		var collected metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &collected); err != nil {
			t.Fatal(err)
		}
		want, got := told(collected), gathered(t, registry)
		if diff := cmp.Diff(want, got); diff != "" || len(got) < 8 {
			t.Fatalf("round %d: %d series (-reader +registry):\n%s", round, len(got), diff)
		}
	}
}

// gathered returns what a registry gathers, with the names of a reader.
func gathered(t *testing.T, registry *promclient.Registry) map[string]sample {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]sample)
	for _, f := range families {
		name := strings.TrimSuffix(strings.Replace(f.GetName(), "p_", "p.", 1), "_total")
		for _, m := range f.GetMetric() {
			series, s := name, sample{Value: m.GetCounter().GetValue() + m.GetGauge().GetValue()}
			for _, l := range m.GetLabel() {
				series += " " + l.GetName() + "=" + l.GetValue()
			}
			if h := m.GetHistogram(); h != nil {
				s.Value = h.GetSampleSum()
				var counts []uint64
				for _, b := range h.GetBucket() {
					counts = append(counts, b.GetCumulativeCount())
				}
				s.Counts = fmt.Sprint(append(counts, h.GetSampleCount()))
			}
			all[series] = s
		}
	}
	return all
}

// told returns what a cumulative reader collects.
func told(collected metricdata.ResourceMetrics) map[string]sample {
	all := make(map[string]sample)
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					all[m.Name+attributesOf(p.Attributes)] = sample{Value: float64(p.Value)}
				}
			case metricdata.Sum[float64]:
				for _, p := range d.DataPoints {
					all[m.Name+attributesOf(p.Attributes)] = sample{Value: p.Value}
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					all[m.Name+attributesOf(p.Attributes)] = sample{Value: p.Value}
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					cumulative := slices.Clone(p.BucketCounts)
					for i := range cumulative[1:] {
						cumulative[i+1] += cumulative[i]
					}
					all[m.Name+attributesOf(p.Attributes)] = sample{Value: p.Sum, Counts: fmt.Sprint(cumulative)}
				}
			}
		}
	}
	return all
}

func attributesOf(set attribute.Set) string {
	var text strings.Builder
	for _, a := range set.ToSlice() {
		text.WriteString(" " + string(a.Key) + "=" + a.Value.AsString())
	}
	return text.String()
}
