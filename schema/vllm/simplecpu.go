// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// SimpleCPU returns the metrics of vLLM's SimpleCPUOffloadConnector (pull request 57251).
// It has none of the metrics of [Connector].
func SimpleCPU() []schema.Metric {
	return []schema.Metric{
		SimpleSaveOutcomes,
		SimpleLoadBlocks,
		SimpleUsedBlocks,
		SimplePendingStoreBlocks,
		SimpleInfo,
	}
}

// SimpleSaveOutcomes counts the decisions about stores.
var SimpleSaveOutcomes = schema.Int64Counter{
	Name:           "vllm.simple_kv_offload.save_outcomes",
	PrometheusName: "vllm:simple_kv_offload_save_outcomes_total",
	Unit:           "{decision}",
	Description:    "Decisions about whether to store, by outcome. Only the eager mode takes them; stores of the lazy mode are not counted.",
	LabelNames:     []string{"outcome"},
	LabelValues:    map[string][]string{"outcome": simpleOutcomes()},
	Since:          "after v0.28.0",
	Usage:          "The share of dropped_cpu_full tells whether the pool is too small.",
	Query:          "sum by (outcome) (rate(vllm:simple_kv_offload_save_outcomes_total[5m]))",
	Trap:           "Outcomes that begin with skipped are no loss: the data is in the pool or on its way. In lazy mode the metric stays flat.",
}

// simpleOutcomes returns the possible decisions, in vLLM's order.
func simpleOutcomes() []string {
	return []string{
		"stored", "dropped_cpu_full", "dropped_request_gone", "dropped_null_block",
		"dropped_not_hashed", "skipped_already_cached", "skipped_in_flight",
	}
}

// SimpleLoadBlocks counts the KV blocks of loads that finished.
var SimpleLoadBlocks = schema.Int64Counter{
	Name:           "vllm.simple_kv_offload.load_blocks",
	PrometheusName: "vllm:simple_kv_offload_load_blocks_total",
	Unit:           "{block}",
	Description:    "KV blocks whose load to the GPU finished, those of requests that were abandoned meanwhile among them.",
	Since:          "after v0.28.0",
	Usage:          "Multiply by the block size for the bytes that cache hits outside the GPU loaded.",
	Query:          "sum by (model_name, engine) (rate(vllm:simple_kv_offload_load_blocks_total[5m]))",
	Trap:           "It counts loads that finished, not loads that began.",
}

// SimpleUsedBlocks is the number of pool blocks that are not free.
var SimpleUsedBlocks = schema.Int64Gauge{
	Name:           "vllm.simple_kv_offload.used_blocks",
	PrometheusName: "vllm:simple_kv_offload_used_blocks",
	Unit:           "{block}",
	Description:    "Blocks of the pool that are in use. Cached blocks that may be evicted count as free.",
	StartsAtZero:   true,
	Additive:       true,
	Since:          "after v0.28.0",
	Usage:          "Compare with capacity_blocks of the info metric: at the capacity, stores are dropped.",
	Query:          "max by (model_name, engine) (vllm:simple_kv_offload_used_blocks)",
	Trap:           "It is not how full the cache is: cached blocks that may be evicted are left out.",
}

// SimplePendingStoreBlocks is the number of blocks in stores in flight.
var SimplePendingStoreBlocks = schema.Int64Gauge{
	Name:           "vllm.simple_kv_offload.pending_store_blocks",
	PrometheusName: "vllm:simple_kv_offload_pending_store_blocks",
	Unit:           "{block}",
	Description:    "Blocks in stores that are queued, issued, or abandoned and not yet finished.",
	StartsAtZero:   true,
	Additive:       true,
	Since:          "after v0.28.0",
	Usage:          "A level that only grows means a stuck transfer.",
	Query:          "min_over_time(vllm:simple_kv_offload_pending_store_blocks[10m]) > 0",
}

// SimpleInfo is 1 for the deployment that its labels describe.
var SimpleInfo = schema.Int64Gauge{
	Name:           "vllm.simple_kv_offload.info",
	PrometheusName: "vllm:simple_kv_offload_info",
	Unit:           "1",
	Description:    "Always 1. The labels describe the deployment: backend, page cache, lazy mode and capacity in blocks.",
	LabelNames:     []string{"backend", "page_cache", "lazy_offload", "capacity_blocks"},
	Since:          "after v0.28.0",
	Usage:          "Join it to other metrics to group them by backend or mode.",
	Query:          "count by (backend, lazy_offload) (vllm:simple_kv_offload_info)",
	Trap:           "The capacity is a label, so PromQL cannot compute with it.",
}
