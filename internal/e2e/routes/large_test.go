// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// TestLargePush tests that 50,000 series arrive, which are more than a Collector accepts
// in one request by default.
func TestLargePush(t *testing.T) {
	const tiers = 25_000 // for each a counter and a histogram
	count := schema.Int64Counter{Name: "large.count", PrometheusName: "large_count", Unit: "{load}", Description: "Loads.", LabelNames: []string{"tier"}}
	size := schema.Histogram{Name: "large.size", PrometheusName: "large_size", Unit: "{block}", Description: "Sizes.", LabelNames: []string{"tier"},
		Boundaries: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
	overGRPC := func(t *testing.T, c *servers.Collector) { load.OverGRPC(t, c.GRPC) }
	overHTTP := func(t *testing.T, c *servers.Collector) { load.OverHTTP(t, "http://"+c.HTTP+"/v1/metrics") }
	tests := []struct {
		name          string
		configuration string
		temporality   string
		to            func(*testing.T, *servers.Collector)
	}{
		{"gRPC", "docs/collector/collector.yaml", "cumulative", overGRPC},
		{"HTTP", "docs/collector/collector.yaml", "cumulative", overHTTP},
		{"gRPC, deltas", "docs/collector/collector-delta.yaml", "delta", overGRPC},
		{"HTTP, deltas", "docs/collector/collector-delta.yaml", "delta", overHTTP},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			collector := servers.StartCollector(t, test.configuration)
			recorder, err := otelkv.New(schema.MustCatalogue(count, size), otelkv.WithSeriesLimits(tiers, 2*tiers))
			if err != nil {
				t.Fatal(err)
			}
			engine, err := recorder.AddEngine(0, "m")
			if err != nil {
				t.Fatal(err)
			}
			test.to(t, collector)
			load.WithTemporality(t, test.temporality)
			load.WhenFlushed(t)
			pipeline, err := exporters.Start(t.Context(), recorder, exporters.WithExporters("otlp"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = pipeline.Shutdown(t.Context()) })
			for round := range 2 {
				for i := range tiers {
					tier := fmt.Sprintf("%d:fs", i)
					counter, err1 := engine.Int64Counter(count, tier)
					histogram, err2 := engine.Histogram(size, tier)
					if err1 != nil || err2 != nil {
						t.Fatal(err1, err2)
					}
					counter.Add(int64(i))
					histogram.Record(float64(i % 12))
				}
				if err := pipeline.ForceFlush(t.Context()); err != nil {
					t.Fatalf("push %d: %v", round+1, err)
				}
			}
			const total, samples = float64(tiers * (tiers - 1)), 2.0 * tiers
			// The Collector answers before it forwards its batches.
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
				got := exposition.Flatten(t, exposition.Scrape(t, "http://"+collector.Scrape+"/metrics"))
				counted, sampled := got.Sum("large_count_total"), got.Sum("large_size_count")
				if counted == total && sampled == samples {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("the counters come to %v and the histograms have %v samples, want %v and %v", counted, sampled, total, samples)
				}
			}
		})
	}
}
