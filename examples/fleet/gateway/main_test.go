// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/otelkv/otelkv-go/internal/cleanenv"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	os.Exit(m.Run())
}

// TestWorkerNamesItself runs the worker with a receiver on loopback.
func TestWorkerNamesItself(t *testing.T) {
	names := make(chan string, 16)
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
		for _, kv := range request.GetResourceMetrics()[0].GetResource().GetAttributes() {
			if kv.GetKey() == "service.instance.id" {
				names <- kv.GetValue().GetStringValue()
			}
		}
	}))
	defer server.Close()
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ended := make(chan error)
	go func() { ended <- run(ctx, "worker-7", 0, time.Millisecond) }()
	select {
	case got := <-names:
		if got != "worker-7" {
			t.Errorf("the worker calls itself %q", got)
		}
	case <-ctx.Done():
		t.Error("nothing was exported")
	}
	cancel()
	for {
		select {
		case <-names:
			continue
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// TestCollectorConfigurations checks that each component in the pipelines is configured,
// and that each configured component is in a pipeline.
func TestCollectorConfigurations(t *testing.T) {
	for _, name := range []string{"collector.yaml", "router.yaml", "replicate.yaml"} {
		t.Run(name, func(t *testing.T) { checkConfiguration(t, name) })
	}
}

func checkConfiguration(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	type components map[string]any
	var configuration struct {
		Receivers, Processors, Exporters components
		Service                          struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&configuration); err != nil {
		t.Fatal(err)
	}
	var receivers, processors, exporters []string
	for _, pipeline := range configuration.Service.Pipelines {
		receivers = append(receivers, pipeline.Receivers...)
		processors = append(processors, pipeline.Processors...)
		exporters = append(exporters, pipeline.Exporters...)
	}
	for kind, c := range map[string]struct {
		configured components
		named      []string
	}{
		"receivers":  {configuration.Receivers, receivers},
		"processors": {configuration.Processors, processors},
		"exporters":  {configuration.Exporters, exporters},
	} {
		for name := range c.configured {
			if !slices.Contains(c.named, name) {
				t.Errorf("%s: %s is configured and not named", kind, name)
			}
		}
		for _, name := range c.named {
			if _, ok := c.configured[name]; !ok {
				t.Errorf("%s: %s is named and not configured", kind, name)
			}
		}
	}
}

func TestBadInterval(t *testing.T) {
	if err := run(t.Context(), "w", 0, 0); err == nil {
		t.Error("ran without an interval")
	}
}
