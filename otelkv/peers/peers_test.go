// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv/peers"
	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

var catalogues = map[string]*schema.Catalogue{
	"LMCache":     peers.LMCache(),
	"SGLang":      peers.SGLang(),
	"TensorRTLLM": peers.TensorRTLLM(),
}

// samples are the names that a scrape of each system shows, without the suffixes of
// histograms. They are written out, because dashboards depend on each.
var samples = map[string]string{
	"LMCache": `
		lmcache_mp_l1_read_chunks_total lmcache_mp_l1_write_chunks_total lmcache_mp_l1_evicted_chunks_total
		lmcache_mp_l1_usage_ratio lmcache_mp_l1_memory_usage_bytes
		lmcache_mp_l1_eviction_loop_ticks_total lmcache_mp_l1_eviction_loop_triggered_total
		lmcache_mp_l1_allocation_failure_chunks_total lmcache_mp_l1_read_failure_chunks_total
		lmcache_mp_l1_chunk_lifetime_seconds lmcache_mp_l1_chunk_idle_before_evict_seconds
		lmcache_mp_l1_chunk_reuse_gap_seconds lmcache_mp_l1_chunk_evict_reuse_gap_seconds lmcache_mp_real_reuse_gap_seconds
		lmcache_mp_l2_store_submitted_requests_total lmcache_mp_l2_store_submitted_objects_chunks_total
		lmcache_mp_l2_store_completed_requests_total lmcache_mp_l2_store_completed_objects_chunks_total
		lmcache_mp_l2_prefetch_lookup_requests_total lmcache_mp_l2_prefetch_lookup_objects_chunks_total
		lmcache_mp_l2_prefetch_hit_chunks_total
		lmcache_mp_l2_prefetch_load_submitted_requests_total lmcache_mp_l2_prefetch_load_submitted_objects_chunks_total
		lmcache_mp_l2_prefetch_load_completed_chunks_total lmcache_mp_l2_load_completed_requests_total
		lmcache_mp_l2_prefetch_failure_chunks_total
		lmcache_mp_lookup_requested_tokens_total lmcache_mp_lookup_hit_tokens_total
		lmcache_mp_lookup_hit_l1_tokens_total lmcache_mp_lookup_hit_l2_tokens_total
		lmcache_mp_lookups_requests_total lmcache_mp_lookup_early_exit_requests_total
		lmcache_mp_l0_l1_store_throughput_GBs lmcache_mp_l0_l1_load_throughput_GBs
		lmcache_mp_l2_store_throughput_GBs lmcache_mp_l2_load_throughput_GBs
		lmcache_mp_num_inflight_l2_stores lmcache_mp_num_inflight_l2_loads lmcache_mp_inflight_load_memory_usage_bytes
		lmcache_mp_event_bus_queue_depth lmcache_mp_event_bus_drain_lag_seconds
		lmcache_mp_event_bus_dropped_events_total lmcache_mp_event_bus_subscriber_exceptions_total`,
	"SGLang": `
		sglang:hicache_host_used_tokens sglang:hicache_host_total_tokens
		sglang:cached_tokens_total sglang:evicted_tokens_total sglang:eviction_duration_seconds
		sglang:load_back_tokens_total sglang:load_back_bytes_total sglang:load_back_duration_seconds
		sglang:hicache_backup_tokens_total sglang:hicache_backup_bytes_total sglang:hicache_backup_duration_seconds
		sglang:hicache_dropped_tokens_total sglang:prefetched_tokens_total sglang:backuped_tokens_total
		sglang:hicache_prefetch_outcomes_total
		sglang:prefetch_pgs sglang:backup_pgs sglang:prefetch_bandwidth sglang:backup_bandwidth`,
	"TensorRTLLM": `
		trtllm_prompt_cached_tokens_total trtllm_prompt_cache_hit_tokens_total
		trtllm_kv_cache_onboard_bytes_total trtllm_kv_cache_offload_bytes_total trtllm_kv_cache_intra_device_copy_bytes_total
		trtllm_kv_cache_host_utilization
		trtllm_kv_cache_max_blocks trtllm_kv_cache_free_blocks trtllm_kv_cache_used_blocks trtllm_kv_cache_tokens_per_block
		trtllm_kv_cache_reused_blocks_total trtllm_kv_cache_missed_blocks_total
		trtllm_kv_cache_iter_reused_blocks_total trtllm_kv_cache_iter_full_reused_blocks_total
		trtllm_kv_cache_iter_partial_reused_blocks_total trtllm_kv_cache_iter_missed_blocks_total
		trtllm_kv_cache_disk_prefetch_blocks_total trtllm_kv_cache_config_info`,
}

func TestSampleNames(t *testing.T) {
	for name, catalogue := range catalogues {
		t.Run(name, func(t *testing.T) {
			var got []string
			for d := range catalogue.All() {
				got = append(got, d.SampleName())
			}
			if diff := cmp.Diff(strings.Fields(samples[name]), got); diff != "" {
				t.Errorf("names on a scrape (-want +got):\n%s", diff)
			}
		})
	}
}

// OTLP carries the instrument names. They are those of the specification's syntax,
// in a namespace of the system's own, and hold the words of the Prometheus names:
// without "_total", and for LMCache without the unit, which its exporter adds.
func TestInstrumentNames(t *testing.T) {
	legal := regexp.MustCompile(`^(?:lmcache_mp|sglang|trtllm)\.[a-z][a-z0-9_.]{0,240}$`)
	plain := strings.NewReplacer(".", "_", ":", "_")
	for system, catalogue := range catalogues {
		for d := range catalogue.All() {
			if !legal.MatchString(d.Name) {
				t.Errorf("%s: %q is no legal name", system, d.Name)
			}
			rest, found := strings.CutPrefix(plain.Replace(d.PrometheusName), plain.Replace(strings.TrimSuffix(d.Name, "_total")))
			if units := []string{"", "_total", "_chunks", "_tokens", "_requests", "_seconds", "_GBs"}; !found || !slices.Contains(units, rest) {
				t.Errorf("%s: %q is called %q on scrapes", system, d.Name, d.PrometheusName)
			}
		}
	}
}

// A service may show the metrics of several systems.
func TestCataloguesGoTogether(t *testing.T) {
	merged, err := vllm.TieringSpec().Merge(slices.Collect(maps.Values(catalogues))...)
	if err != nil {
		t.Fatal(err)
	}
	want := vllm.TieringSpec().Len()
	for _, catalogue := range catalogues {
		want += catalogue.Len()
	}
	if merged.Len() != want {
		t.Errorf("%d metrics, want %d", merged.Len(), want)
	}
}

// What is read is what is written, so nothing in a file is passed over.
func TestRoundTrip(t *testing.T) {
	for name, catalogue := range catalogues {
		var text bytes.Buffer
		if err := registry.Encode(&text, catalogue); err != nil {
			t.Fatal(err)
		}
		decoded, err := registry.Decode(name, &text)
		if err != nil {
			t.Fatal(err)
		}
		kinds := cmp.AllowUnexported(schema.Definition{})
		if diff := cmp.Diff(slices.Collect(catalogue.All()), slices.Collect(decoded.All()), kinds); diff != "" {
			t.Errorf("%s (-first +second):\n%s", name, diff)
		}
	}
}

func TestTierOf(t *testing.T) {
	for value, want := range map[string][4]string{
		"0:primary": {"host", "l1", "host", "host"},
		"primary":   {"host", "l1", "host", "host"},
		"1:fs":      {"disk", "fs", "storage_HiCacheFile", "disk"},
		"12:fs":     {"disk", "fs", "storage_HiCacheFile", "disk"},
		"2:obj":     {"remote", "mooncake_store", "storage_MooncakeStore", ""},
		"3:p2p":     {"p2p", "", "", ""},
	} {
		tier, ok := peers.TierOf(value)
		got := [4]string{tier.Medium, first(tier.LMCache), first(tier.SGLang), first(tier.TensorRTLLM)}
		if !ok || got != want {
			t.Errorf("%s: %q, %t, want %q", value, got, ok, want)
		}
	}
	// GPU is a word of another label.
	for _, value := range []string{"", "fs:1", "1:StripedFileSystemTierManager", "GPU", "1:fs:2"} {
		if tier, ok := peers.TierOf(value); ok {
			t.Errorf("%q is %s, want no row", value, tier.Medium)
		}
	}
}

func first(words []peers.Word) string {
	if len(words) == 0 {
		return ""
	}
	return words[0].Value
}
