// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/otelkv/otelkv-go/exporters"
	exporter "github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestServiceWithARegistry tests a service with a Prometheus registry, which shows our
// metrics with a collector beside its own, and sends both over OTLP. Everything must
// arrive by both routes, and only once.
func TestServiceWithARegistry(t *testing.T) {
	registry := promclient.NewRegistry()
	requests := promclient.NewCounterVec(promclient.CounterOpts{Name: "host_requests_total", Help: "Requests."}, []string{"code"})
	registry.MustRegister(requests)
	requests.WithLabelValues("200").Add(41)

	collector := servers.StartCollector(t, "docs/collector/collector.yaml")
	load.OverGRPC(t, collector.GRPC)
	load.WhenFlushed(t)
	service := load.NewService(t, vllm.TieringSpec(), "bridged",
		exporters.WithExporters("prometheus,otlp"), exporters.WithoutServer(),
		exporters.WithGatherer(registry))
	shown, err := exporter.NewCollector(service.Recorder)
	if err != nil {
		t.Fatal(err)
	}
	// The collector must not be in the registry that the pipeline gathers.
	ours := promclient.NewRegistry()
	ours.MustRegister(shown)
	host := httptest.NewServer(promhttp.HandlerFor(promclient.Gatherers{registry, ours}, promhttp.HandlerOpts{}))
	t.Cleanup(host.Close)
	prometheus := servers.StartPrometheus(t, prometheusConfiguration(t, strings.TrimPrefix(host.URL, "http://"), collector.Scrape))

	service.Measure(t, 1)
	service.Flush(t)
	for _, job := range []string{"otelkv", "bridged"} {
		t.Run(job, func(t *testing.T) {
			prometheus.Await(t, fmt.Sprintf(`host_requests_total{job=%q,code="200"}`, job), servers.Values(41))
			want := service.Exposed(t).Sum("vllm:kv_offload_load_bytes_total")
			prometheus.Await(t, fmt.Sprintf(`sum(vllm:kv_offload_load_bytes_total{job=%q})`, job), servers.Values(want))
			// There are two engines, and no series under another name.
			prometheus.Await(t, fmt.Sprintf(`count({__name__=~".*load_bytes.*",job=%q})`, job), servers.Values(2))
			prometheus.Await(t, fmt.Sprintf(`count({__name__=~".*host.*requests.*",job=%q})`, job), servers.Values(1))
		})
	}
}
