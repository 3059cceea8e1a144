// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	os.Exit(m.Run())
}

// TestBothExporters is the whole program, scraped while it runs, with a collector
// that gets the last export.
func TestBothExporters(t *testing.T) {
	pushed := make(chan int64, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		var request collector.ExportMetricsServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		pushed <- loadBytes(&request)
	}))
	defer server.Close()
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus,otlp")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := run(ctx, func(pipeline *exporters.Pipeline) {
		defer cancel()
		response, err := http.Get(pipeline.URL())
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		if err != nil {
			t.Error(err)
		}
		for _, want := range []string{
			`vllm:kv_offload_load_bytes_total{engine="0",model_name="llama"} 4096`,
			`otelkv_export_failures_total 0`,
		} {
			if !strings.Contains(string(body), want) {
				t.Errorf("the scrape lacks %s", want)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
	close(pushed)
	var last int64
	for last = range pushed {
	}
	if last != 4096 {
		t.Errorf("the last export has %d bytes, want 4096", last)
	}
}

// loadBytes returns the value of the metric in an export.
func loadBytes(request *collector.ExportMetricsServiceRequest) int64 {
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				if m.GetName() == "vllm.kv_offload.load_bytes" {
					return m.GetSum().GetDataPoints()[0].GetAsInt()
				}
			}
		}
	}
	return 0
}
