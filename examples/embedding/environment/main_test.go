// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/examples/embedding/internal/loopback"
	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	os.Exit(m.Run())
}

// TestBothExporters is the whole program, scraped while it runs, with a collector
// that gets the last export.
func TestBothExporters(t *testing.T) {
	receiver := loopback.NewReceiver()
	defer receiver.Close()
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus,otlp")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "0")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)

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
	var arrived strings.Builder
	if err := receiver.Print(&arrived, vllm.LoadBytes.Name); err != nil {
		t.Error(err)
	}
	if got, want := arrived.String(), vllm.LoadBytes.Name+" 4096\n"; got != want {
		t.Errorf("the last push has %q, want %q", got, want)
	}
}
