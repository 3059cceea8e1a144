// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestHostileLabelValues sends payloads whose tiers try to end their line and to forge
// another one. Prometheus must have each of them as a label value, by every route, and no
// other series.
func TestHostileLabelValues(t *testing.T) {
	const name = "vllm:kv_offload_tiering_read_bytes"
	hostile := []string{
		"\"} 1\nvllm:kv_offload_tiering_read_bytes_total{tier=\"forged\"} 9\n",
		"\n# HELP forged x\n# TYPE forged counter\nforged_total 1\n# EOF\n",
		`\`, `\n`, `"`, `\"`, "\\\n", "\r\n", "\x00", "\x7f", "{}", `=~".*"`, "#", " ", "é\u2028\U0001F600",
		strings.Repeat("x", 1024),
	}
	catalogue := vllm.TieringSpec()
	collector := servers.StartCollector(t, "docs/collector/collector.yaml")
	load.OverGRPC(t, collector.GRPC)
	load.WhenFlushed(t)
	service := load.NewService(t, catalogue, "hostile", exporters.WithExporters("prometheus,otlp"),
		exporters.WithServer("127.0.0.1:0"))
	prometheus := servers.StartPrometheus(t, prometheusConfiguration(t, service.Pipeline.Addr().String(), collector.Scrape))
	var payload stats.Payload
	for i, tier := range hostile {
		if err := payload.AddCounter(name, stats.Int64(int64(i+1)), tier); err != nil {
			t.Fatal(err)
		}
	}
	// These must be refused: one is too long, the other is not UTF-8.
	for _, tier := range []string{strings.Repeat("x", 1<<20), "\xff\xfe"} {
		var refused stats.Payload
		err := refused.AddCounter(name, stats.Int64(1), tier)
		if err == nil {
			err = service.Engines[0].Observe(t.Context(), &refused)
		}
		if err == nil {
			t.Errorf("the tier %.20q is taken", tier)
		}
	}
	if err := service.Engines[0].Observe(t.Context(), &payload); err != nil {
		t.Fatal(err)
	}
	// A metric of the host whose description is not UTF-8 and tries to end an OpenMetrics
	// scrape. It cannot be sent, and must not cost a metric of the recorder.
	host, err := service.Pipeline.Meter("host").Int64Counter("host.requests", metric.WithDescription("\xff\n# EOF\n"))
	if err != nil {
		t.Fatal(err)
	}
	host.Add(t.Context(), 1, metric.WithAttributes(attribute.String("route", "\xff\n# EOF\n")))
	if err := service.Pipeline.ForceFlush(t.Context()); err == nil {
		t.Error("the host's text, which is none, was sent")
	}
	for _, job := range []string{"otelkv", "hostile"} {
		t.Run(job, func(t *testing.T) {
			prometheus.Await(t, fmt.Sprintf(`%s_total{job=%q,engine="0",tier!=%q}`, name, job, load.Tier), func(vector []servers.Sample) error {
				if len(vector) != len(hostile) {
					return fmt.Errorf("%d series, want %d", len(vector), len(hostile))
				}
				for i, tier := range hostile {
					found := false
					for _, sample := range vector {
						found = found || sample.Labels["tier"] == tier && sample.Value == float64(i+1)
					}
					if !found {
						return fmt.Errorf("no series %v of tier %q", i+1, tier)
					}
				}
				return nil
			})
			vector, err := prometheus.Query(fmt.Sprintf(`{__name__=~".*forged.*",job=%q} or {tier="forged",job=%q}`, job, job), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if len(vector) > 0 {
				t.Errorf("a sample was forged: %v", vector)
			}
		})
	}
}
