// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// selected returns the series that the llm-d router reads for a selector, written
// name{label=value}: the one in the family of exactly this name that has the labels. The
// router does not add up, so several series are an error.
func selected(families map[string]*dto.MetricFamily, selector string) (*dto.Metric, error) {
	name, matchers, _ := strings.Cut(strings.TrimSuffix(selector, "}"), "{")
	labels := make(map[string]string)
	for matcher := range strings.SplitSeq(matchers, ",") {
		if label, value, ok := strings.Cut(matcher, "="); ok {
			labels[label] = value
		}
	}
	family, ok := families[name]
	if !ok {
		return nil, fmt.Errorf("no family %s", name)
	}
	var found []*dto.Metric
	for _, m := range family.GetMetric() {
		left := maps.Clone(labels)
		for _, pair := range m.GetLabel() {
			if left[pair.GetName()] == pair.GetValue() {
				delete(left, pair.GetName())
			}
		}
		if len(left) == 0 {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s selects %d series, want 1", selector, len(found))
	}
	return found[0], nil
}

// selectors are those that the router reads from an engine of vLLM without configuration,
// except for LoRA; those that show whether the engine offloads; and those of a tier.
var selectors = []string{
	"vllm:num_requests_waiting",
	"vllm:num_requests_running",
	"vllm:kv_cache_usage_perc",
	"vllm:cache_config_info",
	"vllm:kv_offload_cpu_cache_usage_perc",
	"vllm:kv_offload_load_bytes_total",
	"vllm:kv_offload_store_bytes_total",
	"vllm:kv_offload_total_bytes_total{transfer_type=CPU_to_GPU}",
	"vllm:kv_offload_tiering_chunk_hits_total{tier=1:fs}",
	"vllm:kv_offload_tiering_chunk_queries_total{tier=1:fs}",
	"vllm:kv_offload_tiering_read_bytes_total{tier=1:fs}",
	"vllm:kv_offload_tiering_read_time_total{tier=1:fs}",
	"vllm:kv_offload_tiering_write_bytes_total{tier=1:fs}",
	"vllm:kv_offload_tiering_write_time_total{tier=1:fs}",
}

// TestRouterFindsItsFamilies tests that the first scrape has all families of a router
// that checks for offloading by their presence, and reads the series of a tier. A missing
// series would look like a mistyped tier.
func TestRouterFindsItsFamilies(t *testing.T) {
	t.Run("tieredcache", func(t *testing.T) {
		cache := servers.StartTieredCache(t, servers.BuildTieredCache(t), nil, "-engines=1")
		testRouter(t, cache, "tieredcache")
	})
	t.Run("simulator", func(t *testing.T) {
		testRouter(t, servers.StartSimulator(t, "-model=simulated", "-interval=1h"), "simulated")
	})
}

func testRouter(t *testing.T, program *servers.Process, model string) {
	t.Helper()
	text := exposition.Get(t, program.ScrapeURL())
	families := exposition.Families(t, strings.NewReader(text))
	for _, selector := range selectors {
		m, err := selected(families, selector)
		if err != nil {
			t.Error(err)
			continue
		}
		// The router reads the sample with the newest timestamp. No timestamp means now.
		if m.TimestampMs != nil {
			t.Errorf("%s has the timestamp %d", selector, m.GetTimestampMs())
		}
	}
	t.Run("configuration", func(t *testing.T) {
		m, err := selected(families, "vllm:cache_config_info")
		if err != nil {
			t.Fatal(err)
		}
		labels := make(map[string]string)
		for _, pair := range m.GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		for _, label := range []string{"block_size", "num_gpu_blocks"} {
			if n, err := strconv.Atoi(labels[label]); err != nil || n <= 0 {
				t.Errorf("label %s is %q, want a number", label, labels[label])
			}
		}
		if size, err := strconv.ParseFloat(labels["kv_offloading_size"], 64); err != nil || size <= 0 {
			t.Errorf("label kv_offloading_size is %q, want a size", labels["kv_offloading_size"])
		}
	})
	t.Run("benchmark scripts", func(t *testing.T) {
		// They look for labels after the name.
		pattern := regexp.MustCompile(`(?m)^vllm:kv_offload_(store|load)_bytes_total\{[^}]*\}\s+([0-9.e+]+)$`)
		if found := pattern.FindAllString(text, -1); len(found) != 2 {
			t.Errorf("the pattern finds %q", found)
		}
	})
	t.Run("nothing else", func(t *testing.T) {
		for name, family := range families {
			if strings.HasPrefix(name, "otelkv_") {
				continue // self-metrics have no engine
			}
			if !strings.HasPrefix(name, "vllm:") && !strings.HasPrefix(name, "tieredcache_") {
				t.Errorf("unexpected family %s", name)
			}
			for _, m := range family.GetMetric() {
				if _, err := selected(map[string]*dto.MetricFamily{name: {Metric: []*dto.Metric{m}}},
					name+"{model_name="+model+",engine=0}"); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
