package dashboards

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// selected returns the one series that the llm-d router reads for a selector: the
// family of exactly the name, the series that has the labels. The router sums
// nothing, so more than one series is an error.
func selected(families map[string]*dto.MetricFamily, name string, labels map[string]string) (*dto.Metric, error) {
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
		return nil, fmt.Errorf("family %s has %d series with %v, want 1", name, len(found), labels)
	}
	return found[0], nil
}

// TestRouterFindsItsFamilies holds that a router which tells by their presence
// whether an engine offloads, and which reads the series of a tier, finds them
// on the very first scrape: an absent series would look like a mistyped tier.
func TestRouterFindsItsFamilies(t *testing.T) {
	cache := servers.StartTieredCache(t, servers.BuildTieredCache(t), nil, "-engines=1")
	text := exposition.Get(t, cache.ScrapeURL())
	families := exposition.Families(t, strings.NewReader(text))
	tier := map[string]string{"tier": "1:fs"}
	tests := []struct {
		name   string
		labels map[string]string
	}{
		{"vllm:kv_offload_cpu_cache_usage_perc", nil},
		{"vllm:kv_offload_load_bytes_total", nil},
		{"vllm:kv_offload_store_bytes_total", nil},
		{"vllm:kv_offload_total_bytes_total", map[string]string{"transfer_type": "CPU_to_GPU"}},
		{"vllm:kv_offload_tiering_chunk_hits_total", tier},
		{"vllm:kv_offload_tiering_chunk_queries_total", tier},
		{"vllm:kv_offload_tiering_read_bytes_total", tier},
		{"vllm:kv_offload_tiering_read_time_total", tier},
		{"vllm:kv_offload_tiering_write_bytes_total", tier},
		{"vllm:kv_offload_tiering_write_time_total", tier},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := selected(families, test.name, test.labels)
			if err != nil {
				t.Fatal(err)
			}
			// The router takes the newest timestamp. None means now.
			if m.TimestampMs != nil {
				t.Errorf("the series has the timestamp %d", m.GetTimestampMs())
			}
		})
	}
	t.Run("benchmark scripts", func(t *testing.T) {
		// They look for a label block behind the name.
		pattern := regexp.MustCompile(`(?m)^vllm:kv_offload_(store|load)_bytes_total\{[^}]*\}\s+([0-9.e+]+)$`)
		if found := pattern.FindAllString(text, -1); len(found) != 2 {
			t.Errorf("the pattern finds %q", found)
		}
	})
	t.Run("nothing else", func(t *testing.T) {
		for name, family := range families {
			if strings.HasPrefix(name, "otelkv_") {
				continue // What the recorder counts of itself is not any engine's.
			}
			if !strings.HasPrefix(name, "vllm:") && !strings.HasPrefix(name, "tieredcache_") {
				t.Errorf("family %s is nobody's", name)
			}
			for _, m := range family.GetMetric() {
				if _, err := selected(map[string]*dto.MetricFamily{name: {Metric: []*dto.Metric{m}}}, name,
					map[string]string{"model_name": "tieredcache", "engine": "0"}); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
