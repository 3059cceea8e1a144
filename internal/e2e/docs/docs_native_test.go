// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestPanelsOfNativeHistograms tests that panels and rules have data if Prometheus keeps
// native histograms, alone or beside classic ones, and that they use the native ones. An
// empty histogram has no data.
func TestPanelsOfNativeHistograms(t *testing.T) {
	service := load.NewService(t, vllm.TieringSpec(), "native", exporters.WithExporters("none"))
	scraped := service.ServeNativeHistograms(t)
	start := func(classic bool) *servers.Prometheus {
		return servers.StartPrometheus(t, strings.Replace(configuration(t, host(t, scraped.URL)), "global:\n",
			fmt.Sprintf("global:\n  scrape_native_histograms: true\n  always_scrape_classic_histograms: %v\n", classic), 1))
	}
	kept := map[string]*servers.Prometheus{"alone": start(false), "beside classic ones": start(true)}
	for name, prometheus := range kept {
		t.Run(name+", empty", func(t *testing.T) {
			prometheus.Await(t, "count_over_time(vllm:kv_offload_load_bytes_total[10s]) > 3", servers.Some)
			for _, target := range targets(t, "otelkv") {
				vector, err := prometheus.Query(target.expr, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				checkIdle(t, target, vector)
			}
		})
	}
	asked, err := service.Engines[0].Int64Counter(vllm.TieringChunkQueries, otelkv.PrimaryTier)
	if err != nil {
		t.Fatal(err)
	}
	// Rates need a few scrapes, apart in time.
	for round := range 6 {
		service.Measure(t, round)
		asked.Add(100_000)
		time.Sleep(500 * time.Millisecond)
	}
	now := time.Now()
	for name, prometheus := range kept {
		t.Run(name, func(t *testing.T) {
			classic := 0.0
			if name != "alone" {
				classic = 1
			}
			prometheus.Await(t, "count(vllm:kv_offload_lookup_sync_delay_seconds_count) > bool 0 or vector(0)", servers.Values(classic))
			native := 0
			for _, target := range targets(t, "otelkv") {
				if strings.Contains(target.expr, "otelkv_") {
					continue // The recorder has no self-metrics.
				}
				vector, err := prometheus.Query(target.expr, now)
				if err == nil {
					err = someNumber(vector)
				}
				if err != nil {
					t.Errorf("%s: %s: %v", target.panel, target.expr, err)
					continue
				}
				if strings.Contains(target.expr, "or on ()") {
					native++
					if len(vector) != 1 || !vector[0].Native {
						t.Errorf("%s: %s: got %v, want a native histogram", target.panel, target.expr, vector)
					}
				}
				if strings.Contains(target.expr, "histogram_quantile(0.99, ") && strings.Contains(target.expr, "kv_offload_lookup_sync_delay") {
					// Half of the samples are 2 s. Classic buckets end at 1 s.
					native++
					for _, sample := range vector {
						if sample.Value < 1.9 || sample.Value > 2.2 {
							t.Errorf("%s: %s: %v, want the 2 s of the native histogram", target.panel, target.expr, sample)
						}
					}
				}
			}
			if native < 6 {
				t.Errorf("%d panels draw native histograms", native)
			}
			rules := evaluated(t, prometheus)
			for _, rule := range rules {
				if rule.Health != "ok" {
					t.Errorf("%s: %s: %s", rule.Name, rule.Health, rule.LastError)
				}
			}
			prometheus.Await(t, "model:vllm_kv_offload_lookup_sync_delay_seconds:p90_5m > 1.7 and model:vllm_kv_offload_lookup_sync_delay_seconds:p90_5m < 2.2", servers.Some)
			// Every second lookup is too slow.
			prometheus.Await(t, `count(ALERTS{alertname="KVOffloadLookupBudgetBurns",alertstate="pending"})`, servers.Values(2))
			prometheus.Await(t, `count(ALERTS{alertname="KVOffloadLookupsWaitLong",alertstate="pending"})`, servers.Values(2))
		})
	}
}
