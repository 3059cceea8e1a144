// SPDX-License-Identifier: Apache-2.0

// Package routes tests that all metrics of a service arrive in Prometheus by every route,
// under the exact names.
package routes

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// prometheusConfiguration returns docs/collector/prometheus.yaml with the addresses of a
// test and a short interval.
func prometheusConfiguration(t *testing.T, service, collector string) string {
	t.Helper()
	documented, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "collector", "prometheus.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(documented)
	for _, change := range [][2]string{
		{"scrape_interval: 15s", "scrape_interval: 500ms\n  scrape_timeout: 500ms"},
		{"targets: [127.0.0.1:9464]", "targets: [" + service + "]"},
		{"targets: [127.0.0.1:8889]", "targets: [" + collector + "]"},
	} {
		if strings.Count(text, change[0]) != 1 {
			t.Fatalf("docs/collector/prometheus.yaml has no single line %q", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	return text
}

// TestEverySampleArrives tests for each route that PromQL returns exactly what the
// service's own scrape shows: the same names, labels and values.
func TestEverySampleArrives(t *testing.T) {
	catalogue := vllm.TieringSpec()
	collector := servers.StartCollector(t, "docs/collector/collector.yaml")
	deltas := servers.StartCollector(t, "docs/collector/collector-delta.yaml")

	// The first service uses both exporters at once.
	load.OverGRPC(t, collector.GRPC)
	load.WhenFlushed(t)
	both := load.NewService(t, catalogue, "grpc",
		exporters.WithExporters("prometheus,otlp"), exporters.WithServer("127.0.0.1:0"))
	prometheus := servers.StartPrometheus(t, prometheusConfiguration(t, both.Pipeline.Addr().String(), collector.Scrape))
	deltaPrometheus := servers.StartPrometheus(t, prometheusConfiguration(t, both.Pipeline.Addr().String(), deltas.Scrape))

	service := func(name string, over func(testing.TB, string), to string, options ...exporters.Option) *load.Service {
		over(t, to)
		load.WhenFlushed(t)
		return load.NewService(t, catalogue, name,
			append(options, exporters.WithExporters("prometheus,otlp"), exporters.WithoutServer())...)
	}
	names := exporters.WithExportOptions(otelkv.WithPrometheusNames())
	deltasOverGRPC := func(t testing.TB, address string) {
		load.OverGRPC(t, address)
		load.WithTemporality(t, "delta")
	}
	tests := []struct {
		name       string
		job        string
		service    *load.Service
		prometheus *servers.Prometheus
	}{
		{"scraped", "otelkv", both, prometheus},
		{"gRPC to the Collector", "grpc", both, prometheus},
		{"gRPC to the Collector, Prometheus names", "grpc-names", service("grpc-names", load.OverGRPC, collector.GRPC, names), prometheus},
		{"HTTP to the Collector", "http", service("http", load.OverHTTP, "http://"+collector.HTTP+"/v1/metrics"), prometheus},
		{"HTTP to Prometheus, Prometheus names", "direct-names", service("direct-names", load.OverHTTP, prometheus.OTLPEndpoint(), names), prometheus},
		{"deltas to the Collector", "delta", service("delta", deltasOverGRPC, deltas.GRPC), deltaPrometheus},
	}
	// Several rounds, each exported, so that deltas have to be added up.
	measured := make(map[*load.Service]bool)
	for _, test := range tests {
		if measured[test.service] {
			continue
		}
		measured[test.service] = true
		for round := range 3 {
			test.service.Measure(t, round)
			test.service.Flush(t)
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.service.Exposed(t)
			if len(want) < catalogue.Len() {
				t.Fatalf("the scrape has %d samples for %d metrics", len(want), catalogue.Len())
			}
			test.prometheus.Await(t, `{job="`+test.job+`",__name__=~"vllm.*"}`, func(vector []servers.Sample) error {
				got := make(exposition.Samples)
				for _, sample := range vector {
					got.Add(sample.Labels["__name__"], sample.Labels, sample.Value, "job", "instance")
				}
				if difference := exposition.Difference(want, got); difference != "" {
					return errors.New(difference)
				}
				return nil
			})
		})
	}
}

// TestOpenTelemetryNames tests the documented names of a service that sends OpenTelemetry
// names straight to Prometheus.
func TestOpenTelemetryNames(t *testing.T) {
	prometheus := servers.StartPrometheus(t, "global:\n  scrape_interval: 1h\n")
	load.OverHTTP(t, prometheus.OTLPEndpoint())
	load.WhenFlushed(t)
	service := load.NewService(t, vllm.TieringSpec(), "direct", exporters.WithExporters("prometheus,otlp"),
		exporters.WithoutServer())
	service.Measure(t, 1)
	service.Flush(t)
	want := service.Exposed(t).Sum("vllm:kv_offload_load_bytes_total")
	prometheus.Await(t, `sum(vllm_kv_offload_load_bytes_total{job="direct"})`, servers.Values(want))
	// The default strategy removes "total" from the name.
	prometheus.Await(t, `sum(vllm_kv_offload_bytes_total{job="direct",transfer_type="CPU_to_GPU"})`, servers.Values(want))
}
