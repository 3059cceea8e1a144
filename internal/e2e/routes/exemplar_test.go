// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestExemplarsArrive tests that Prometheus has the span of a measurement, from a scrape
// of the service and over OTLP through a Collector.
func TestExemplarsArrive(t *testing.T) {
	collector := servers.StartCollector(t, "docs/collector/collector.yaml", "exporters.prometheus.enable_open_metrics=true")
	load.OverGRPC(t, collector.GRPC)
	load.WhenFlushed(t)
	service := load.NewService(t, vllm.TieringSpec(), "traced", exporters.WithExporters("prometheus,otlp"),
		exporters.WithServer("127.0.0.1:0"))
	prometheus := servers.StartPrometheus(t, prometheusConfiguration(t, service.Pipeline.Addr().String(), collector.Scrape))

	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0x4b, 0xf9, 15: 0x36}, SpanID: trace.SpanID{0xf0, 7: 0xb7}, TraceFlags: trace.FlagsSampled,
	})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	bytes, err := service.Engines[0].Int64Counter(vllm.LoadBytes)
	if err != nil {
		t.Fatal(err)
	}
	size, err := service.Engines[0].Histogram(vllm.LoadSize)
	if err != nil {
		t.Fatal(err)
	}
	bytes.AddContext(ctx, 4096)
	size.RecordContext(ctx, 3e9) // past the last boundary
	service.Flush(t)
	for _, job := range []string{"otelkv", "traced"} {
		for metric, value := range map[string]float64{"vllm:kv_offload_load_bytes_total": 4096, "vllm:kv_offload_load_size_bucket": 3e9} {
			t.Run(job+"/"+metric, func(t *testing.T) {
				for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
					all, err := prometheus.Exemplars(metric + `{job="` + job + `"}`)
					if err == nil && len(all) == 1 && all[0].Value == value && all[0].Labels["trace_id"] == span.TraceID().String() &&
						all[0].Labels["span_id"] == span.SpanID().String() && all[0].Series["engine"] == "0" {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("got %v and %v, want one exemplar of the span", all, err)
					}
				}
			})
		}
	}
}
