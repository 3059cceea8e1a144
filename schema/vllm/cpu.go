// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// CPU returns the metrics that vLLM's CPUOffloadingSpec declares in
// build_metric_definitions and CPUOffloadingManager fills. [StoresSkipped] is one of them
// only if storeThreshold, the number of uses before a block is stored, is at least 2.
// Otherwise vLLM skips no stores.
func CPU(storeThreshold int) []schema.Metric {
	metrics := []schema.Metric{
		CPUCacheUsage,
		CPUCacheWriteUsage,
		CPUCacheReadUsage,
		CPUAllocationSize,
	}
	if storeThreshold >= 2 {
		metrics = append(metrics, StoresSkipped)
	}
	return metrics
}

// CPUCacheUsage is the fraction of CPU chunks that transfers pin.
var CPUCacheUsage = schema.Float64Gauge{
	Name:           "vllm.kv_offload.cpu.cache_usage_perc",
	PrometheusName: "vllm:kv_offload_cpu_cache_usage_perc",
	Unit:           "1",
	Description:    "Fraction of the CPU cache's chunks that active transfers pin, from 0 when idle to 1 when saturated. It does not tell how full the cache is.",
	StartsAtZero:   true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Near 1, new stores fail for lack of a chunk that may be evicted.",
	Query:          "max by (model_name, engine) (vllm:kv_offload_cpu_cache_usage_perc)",
	Trap:           "It counts pinned chunks, not resident ones. A cache that serves well may read 0.01.",
}

// CPUCacheWriteUsage is the fraction of CPU chunks that stores pin.
var CPUCacheWriteUsage = schema.Float64Gauge{
	Name:           "vllm.kv_offload.cpu.cache_write_usage_perc",
	PrometheusName: "vllm:kv_offload_cpu_cache_write_usage_perc",
	Unit:           "1",
	Description:    "Fraction of the CPU cache's chunks that are being written by stores not yet complete, from 0 to 1.",
	StartsAtZero:   true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0",
	Usage:          "A level that stays high means that stores queue up faster than they finish.",
	Query:          "max by (model_name, engine) (vllm:kv_offload_cpu_cache_write_usage_perc)",
}

// CPUCacheReadUsage is the fraction of CPU chunks that loads pin.
var CPUCacheReadUsage = schema.Float64Gauge{
	Name:           "vllm.kv_offload.cpu.cache_read_usage_perc",
	PrometheusName: "vllm:kv_offload_cpu_cache_read_usage_perc",
	Unit:           "1",
	Description:    "Fraction of the CPU cache's chunks that active transfers pin other than by writing, from 0 to 1: the usage less the write usage.",
	StartsAtZero:   true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0",
	Usage:          "Shows how much of the cache loads and cascades hold at the moment.",
	Query:          "max by (model_name, engine) (vllm:kv_offload_cpu_cache_read_usage_perc)",
}

// CPUAllocationSize distributes the chunks that single stores ask for.
var CPUAllocationSize = schema.Histogram{
	Name:           "vllm.kv_offload.cpu.allocation_size",
	PrometheusName: "vllm:kv_offload_cpu_allocation_size",
	Unit:           "{chunk}",
	Description:    "CPU chunks that one store asked for, without those that were there already. Attempts that failed count too.",
	Boundaries:     []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144},
	Since:          "v0.26.0 or earlier",
	Usage:          "Compare a high quantile with the number of chunks: one request that asks for most of the cache evicts everything else.",
	Query:          "histogram_quantile(0.99, sum by (le, model_name) (rate(vllm:kv_offload_cpu_allocation_size_bucket[5m])))",
	Trap:           "It is recorded before eviction and allocation, so the sum is what was asked for, not what was stored.",
}

// StoresSkipped counts keys that were not stored because they were too rare.
var StoresSkipped = schema.Int64Counter{
	Name:           "vllm.kv_offload.stores_skipped",
	PrometheusName: "vllm:kv_offload_stores_skipped",
	Unit:           "{key}",
	Description:    "Keys not stored because they had not yet been used as often as the store threshold asks.",
	Since:          "v0.26.0 or earlier",
	Usage:          "Shows how much traffic the threshold saves.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_stores_skipped_total[5m]))",
	Trap:           "It is there only with a store threshold of 2 or more. A key counts again at each attempt.",
}
