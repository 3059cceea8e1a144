// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// exact are conditions on the metrics of a tieredcache with vLLM's names. JOB stands for
// its job.
var exact = []string{
	`count(vllm:kv_offload_store_bytes_total{job="JOB",model_name="tieredcache",engine=~"[01]"}) == 2`,
	`sum(vllm:kv_offload_store_bytes_total{job="JOB"}) > 0`,
	`sum(vllm:kv_offload_load_bytes_total{job="JOB"}) > 0`,
	`sum(vllm:kv_offload_load_time_total{job="JOB"}) > 0`,
	`sum(vllm:kv_offload_store_size_sum{job="JOB"}) == sum(vllm:kv_offload_store_bytes_total{job="JOB"})`,
	`sum(vllm:kv_offload_total_bytes_total{job="JOB",transfer_type="GPU_to_CPU"}) == sum(vllm:kv_offload_store_bytes_total{job="JOB"})`,
	`sum(vllm:kv_offload_total_time_total{job="JOB",transfer_type="CPU_to_GPU"}) == sum(vllm:kv_offload_load_time_total{job="JOB"})`,
	`histogram_quantile(0.5, sum by (le) (vllm:kv_offload_store_size_bucket{job="JOB"})) > 0`,
	`sum(vllm:kv_offload_size_count{job="JOB",transfer_type="GPU_to_CPU"}) == sum(vllm:kv_offload_store_size_count{job="JOB"})`,
	`count(vllm:kv_offload_tiering_chunk_hits_total{job="JOB"} <= vllm:kv_offload_tiering_chunk_queries_total) == 4`,
	`sum(vllm:kv_offload_tiering_write_bytes_total{job="JOB",tier="1:fs"}) > 0`,
	`count(vllm:kv_offload_cpu_cache_usage_perc{job="JOB"} <= 1) == 2`,
	`sum(tieredcache_resident_chunks{job="JOB",tier="0:primary"}) > 0`,
	`sum(tieredcache_corrupt_chunks_total{job="JOB"}) == 0`,
}

// translated are conditions on a tieredcache that sends OpenTelemetry names straight to
// Prometheus, which adds suffixes.
var translated = []string{
	`count({"vllm.kv_offload.store_bytes_total",job="JOB",model_name="tieredcache",engine=~"[01]"}) == 2`,
	`sum({"vllm.kv_offload.load_time_seconds_total",job="JOB"}) > 0`,
	`sum({"vllm.kv_offload.total_bytes_total",job="JOB",transfer_type="GPU_to_CPU"}) == sum({"vllm.kv_offload.store_bytes_total",job="JOB"})`,
	`histogram_quantile(0.5, sum by (le) ({"vllm.kv_offload.store_size_bytes_bucket",job="JOB"})) > 0`,
	`sum({"tieredcache.resident_chunks",job="JOB",tier="0:primary"}) > 0`,
}

// TestTieredCache runs the example. Only the environment chooses the route.
func TestTieredCache(t *testing.T) {
	program := servers.BuildTieredCache(t)
	run := func(name string, environment ...string) *servers.Process {
		return servers.StartTieredCache(t, program,
			append(environment, "OTEL_SERVICE_NAME="+name, "OTEL_METRIC_EXPORT_INTERVAL=500"),
			"-engines=2", "-seed=1")
	}
	collector := servers.StartCollector(t, "docs/collector/collector.yaml")
	deltas := servers.StartCollector(t, "docs/collector/collector-delta.yaml")
	grpc := func(c *servers.Collector) []string {
		return []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.GRPC}
	}
	scraped := run("scraped")
	both := run("both", append(grpc(collector), "OTEL_METRICS_EXPORTER=prometheus,otlp")...)

	configuration := prometheusConfiguration(t, host(t, scraped.ScrapeURL())+", "+host(t, both.ScrapeURL()), collector.Scrape+", "+deltas.Scrape)
	prometheus := servers.StartPrometheus(t, configuration)
	onGRPC := run("grpc", append(grpc(collector), "OTEL_METRICS_EXPORTER=otlp")...)
	onHTTP := run("http", "OTEL_METRICS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="+prometheus.OTLPEndpoint())
	delta := run("delta", append(grpc(deltas), "OTEL_METRICS_EXPORTER=otlp",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta")...)

	tests := []struct {
		name       string
		process    *servers.Process
		job        string
		conditions []string
	}{
		{"scraped", scraped, `otelkv",instance="` + host(t, scraped.ScrapeURL()), exact},
		{"gRPC to the Collector", onGRPC, "grpc", exact},
		{"HTTP to Prometheus", onHTTP, "http", translated},
		{"deltas to the Collector", delta, "delta", exact},
		{"both, scraped", both, `otelkv",instance="` + host(t, both.ScrapeURL()), exact},
		{"both, gRPC to the Collector", both, "both", exact},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, condition := range test.conditions {
				prometheus.Await(t, strings.ReplaceAll(condition, "JOB", test.job), servers.Some)
			}
		})
	}

	// Shutdown exports the totals, so the pushed totals are not below those scraped
	// before.
	last := prometheus.Await(t, fmt.Sprintf(`sum(vllm:kv_offload_store_bytes_total{job="otelkv",instance=%q})`, host(t, both.ScrapeURL())), servers.Some)
	if err := both.Stop(); err != nil {
		t.Fatal(err)
	}
	if status := both.Wait(t, time.Second); status != 0 {
		t.Errorf("tieredcache ended with status %d", status)
	}
	prometheus.Await(t, fmt.Sprintf(`sum(vllm:kv_offload_store_bytes_total{job="both"}) >= %v`, last[0].Value), servers.Some)
}

// host returns the host and port of a URL.
func host(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		t.Fatalf("%q is not a URL", address)
	}
	return parsed.Host
}
