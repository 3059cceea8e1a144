// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/loopback"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestNativeHistograms tests that Prometheus can compute quantiles above vLLM's last
// boundary from native histograms, and still answers queries for the buckets.
func TestNativeHistograms(t *testing.T) {
	service := load.NewService(t, vllm.TieringSpec(), "native", exporters.WithExporters("none"))
	host := service.ServeNativeHistograms(t)
	configuration := prometheusConfiguration(t, strings.TrimPrefix(host.URL, "http://"), loopback.FreeAddresses(t, 1)[0])
	configuration = strings.Replace(configuration, "scrape_interval: 500ms\n", "scrape_interval: 500ms\n  scrape_native_histograms: true\n  always_scrape_classic_histograms: true\n", 1)
	prometheus := servers.StartPrometheus(t, configuration)
	size, err := service.Engines[0].Histogram(vllm.LoadSize)
	if err != nil {
		t.Fatal(err)
	}
	prometheus.Await(t, `histogram_count(vllm:kv_offload_load_size{engine="0"})`, servers.Values(0))
	// All samples but one are above 200 MB.
	size.Record(1e6)
	for i := range 100 {
		size.Record(1e9 + float64(i)*1e7)
	}
	prometheus.Await(t, `histogram_count(vllm:kv_offload_load_size{engine="0"})`, servers.Values(101))
	prometheus.Await(t, `vllm:kv_offload_load_size_bucket{engine="0",le="+Inf"}`, servers.Values(101))
	prometheus.Await(t, `vllm:kv_offload_load_size_count{engine="0"}`, servers.Values(101))
	// All series that dashboards query exist, as without native histograms.
	want := exposition.Flatten(t, exposition.Scrape(t, host.URL))
	prometheus.Await(t, `{job="otelkv",__name__=~"vllm:.*(_bucket|_sum|_count|_total|_perc|_jobs|_ema)"}`, func(vector []servers.Sample) error {
		got := make(exposition.Samples)
		for _, sample := range vector {
			got.Add(sample.Labels["__name__"], sample.Labels, sample.Value, "job", "instance")
		}
		if difference := exposition.Difference(want, got); difference != "" {
			return errors.New(difference)
		}
		return nil
	})
	within := func(low, high float64) func([]servers.Sample) error {
		return func(samples []servers.Sample) error {
			if len(samples) != 1 || samples[0].Value < low || samples[0].Value > high {
				return fmt.Errorf("got %v, want one value from %v to %v", samples, low, high)
			}
			return nil
		}
	}
	prometheus.Await(t, `histogram_quantile(0.5, vllm:kv_offload_load_size{engine="0"})`, within(1.45e9, 1.55e9))
	// The buckets do not show this.
	prometheus.Await(t, `histogram_quantile(0.5, sum by (le) (vllm:kv_offload_load_size_bucket{engine="0"}))`, within(2e8, 2e8))
	prometheus.Await(t, `histogram_quantile(0.5, sum by (le) (vllm:kv_offload_load_size_bucket))`, within(2e8, 2e8))
}
