// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// TestLargePush holds that 50,000 series, which are more than a Collector takes in one
// request unless told otherwise, all arrive.
func TestLargePush(t *testing.T) {
	const tiers = 25_000 // for each a counter and a histogram
	count := schema.Int64Counter{Name: "large.count", PrometheusName: "large_count", Unit: "{load}", Description: "Loads.", LabelNames: []string{"tier"}}
	size := schema.Histogram{Name: "large.size", PrometheusName: "large_size", Unit: "{block}", Description: "Sizes.", LabelNames: []string{"tier"},
		Boundaries: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
	tests := []struct {
		name          string
		configuration string
		to            func(*servers.Collector) exporters.Option
	}{
		{"gRPC", "docs/collector/collector.yaml", func(c *servers.Collector) exporters.Option { return overGRPC(c.GRPC) }},
		{"HTTP", "docs/collector/collector.yaml", func(c *servers.Collector) exporters.Option { return overHTTP("http://" + c.HTTP + "/v1/metrics") }},
		{"gRPC, deltas", "docs/collector/collector-delta.yaml", func(c *servers.Collector) exporters.Option {
			return exporters.WithGRPCOptions(otlpmetricgrpc.WithEndpoint(c.GRPC), otlpmetricgrpc.WithInsecure(),
				otlpmetricgrpc.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
		}},
		{"HTTP, deltas", "docs/collector/collector-delta.yaml", func(c *servers.Collector) exporters.Option {
			return exporters.WithHTTPOptions(otlpmetrichttp.WithEndpointURL("http://"+c.HTTP+"/v1/metrics"),
				otlpmetrichttp.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
		}},
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
			pipeline, err := exporters.Start(t.Context(), recorder, exporters.WithExporters("otlp"), test.to(collector), whenFlushed())
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
			// The Collector answers before its batches have gone on.
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
				got := exposition.Flatten(exposition.Scrape(t, "http://"+collector.Scrape+"/metrics"))
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
