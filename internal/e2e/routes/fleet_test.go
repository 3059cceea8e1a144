package routes

import (
	"testing"

	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// TestFleetThroughAGateway runs the example's workers, which serve an engine of
// the same index, and its Collector configuration as they are.
func TestFleetThroughAGateway(t *testing.T) {
	collector := servers.StartCollector(t, "examples/fleet/gateway/collector.yaml")
	servers.StartFleet(t, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector.HTTP,
		"OTEL_METRIC_EXPORT_INTERVAL=500",
	}, "worker-0", "worker-1")
	// No service is scraped: the Collector stands in the place of all.
	prometheus := servers.StartPrometheus(t, prometheusConfiguration(t, collector.Scrape, collector.Scrape))
	for _, condition := range []string{
		`count(vllm:kv_offload_load_bytes_total{engine="0",model_name="llama",worker=~"worker-[01]",job="otelkv"} > 0) == 2`,
		`count(sum by (worker) (vllm:kv_offload_store_size_count{job="otelkv"})) == 2`,
	} {
		prometheus.Await(t, condition, servers.Some)
	}
}
