// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// TestAPushThatIsTooLargeIsSplit tests that everything arrives exactly once at collectors
// that refuse a batch for its size: by gRPC's usual limit of 4 MiB, and with HTTP's 413.
func TestAPushThatIsTooLargeIsSplit(t *testing.T) {
	loads := schema.Int64Counter{Name: "test.tier_bytes", PrometheusName: "test:tier_bytes", Unit: "By", Description: "Bytes.", LabelNames: []string{"tier"}}
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			reports := handleErrors(t)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			var collector *collectortest.Collector
			var refused int
			if protocol == "grpc" {
				collector = collectortest.GRPC(t, nil)
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
			} else {
				collector = new(collectortest.Collector)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.ContentLength > 1<<20 {
						refused++
						http.Error(w, "too much", http.StatusRequestEntityTooLarge)
						return
					}
					collector.ServeHTTP(w, r)
				}))
				t.Cleanup(server.Close)
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
			}
			recorder, err := otelkv.New(schema.MustCatalogue(loads), otelkv.WithSeriesLimits(-1, 0))
			if err != nil {
				t.Fatal(err)
			}
			engine, err := recorder.AddEngine(0, "m")
			if err != nil {
				t.Fatal(err)
			}
			const series = 5000 // two batches, the first of which has more than 4 MiB
			for i := range series {
				counter, err := engine.Int64Counter(loads, fmt.Sprintf("%05d", i)+strings.Repeat("x", 1019))
				if err != nil {
					t.Fatal(err)
				}
				counter.Add(1)
			}
			pipeline := newPipelineOf(t, recorder, exporters.WithExporters("otlp"))
			if err := pipeline.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := make(map[string]int)
			for _, request := range collector.Requests() {
				for _, rm := range request.GetResourceMetrics() {
					for _, m := range rm.GetScopeMetrics()[0].GetMetrics() {
						for _, p := range m.GetSum().GetDataPoints() {
							for _, kv := range p.GetAttributes() {
								if kv.GetKey() == "tier" {
									got[kv.GetValue().GetStringValue()]++
								}
							}
						}
					}
				}
			}
			for tier, times := range got {
				if times != 1 {
					t.Fatalf("series %.5s came %d times", tier, times)
				}
			}
			if requests := len(collector.Requests()); len(got) != series || requests < 3 {
				t.Errorf("%d series came in %d requests, want %d in at least 3", len(got), requests, series)
			}
			if protocol != "grpc" && refused == 0 {
				t.Error("nothing was refused")
			}
			if text := reports.String(); text != "" {
				t.Errorf("reported: %s", text)
			}
		})
	}
}

// TestErrorsOfACollector tests that the collector's text is cut and quoted, in reports
// and in the error of ForceFlush, that ForceFlush returns it each time, and that it is
// reported once.
func TestErrorsOfACollector(t *testing.T) {
	reports := handleErrors(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("no\n2026-01-01 ERROR forged \x1b[2J" + strings.Repeat("x", 1<<20)))
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	recorder, _ := newRecorder(t)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("otlp"))
	for deadline := time.Now().Add(time.Minute); recorder.Statistics().ExportFailures < 10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no ten exports within a minute")
		}
	}
	if text := strings.TrimSuffix(reports.String(), "\n"); !isShort(text) {
		t.Errorf("reported: %.4000s; want one short error", text)
	}
	for range 3 {
		if err := pipeline.ForceFlush(t.Context()); err == nil || !isShort(err.Error()) {
			t.Errorf("ForceFlush returns %.1000v, want a short error", err)
		}
	}
}

func isShort(text string) bool {
	return len(text) < 700 && !strings.ContainsAny(text, "\n\x1b") && strings.Contains(text, "\\n2026-01-01 ERROR forged")
}
