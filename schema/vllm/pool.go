// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// SimpleCPUPool returns the pool gauges of another design of vLLM's
// SimpleCPUOffloadConnector (pull request 41790, not merged), which records its transfers
// as the metrics of [Connector]. vLLM chose [SimpleCPU], but some readers use these names.
func SimpleCPUPool() []schema.Metric {
	return []schema.Metric{
		PoolTotalBlocks,
		PoolFreeBlocks,
		PoolUsedBlocks,
		PoolUsage,
		PoolPendingLoads,
		PoolPendingStores,
	}
}

// PoolTotalBlocks is the capacity of the pool.
var PoolTotalBlocks = schema.Int64Gauge{
	Name:           "vllm.simple_cpu_offload.total_blocks",
	PrometheusName: "vllm:simple_cpu_offload_total_blocks",
	Unit:           "{block}",
	Description:    "Blocks of the CPU pool that can hold data. The null block is left out.",
	Additive:       true,
	Usage:          "The denominator of the pool's usage.",
	Query:          "sum by (model_name) (vllm:simple_cpu_offload_total_blocks)",
}

// PoolFreeBlocks is the number of pool blocks that a store can take.
var PoolFreeBlocks = schema.Int64Gauge{
	Name:           "vllm.simple_cpu_offload.free_blocks",
	PrometheusName: "vllm:simple_cpu_offload_free_blocks",
	Unit:           "{block}",
	Description:    "Blocks of the CPU pool that a store can take. Cached blocks that may be evicted are among them.",
	Additive:       true,
	Usage:          "At 0, stores are dropped.",
	Query:          "min by (model_name, engine) (vllm:simple_cpu_offload_free_blocks)",
	Trap:           "A free block may still hold cached data, so a pool of free blocks is not an empty cache.",
}

// PoolUsedBlocks is the number of pool blocks that are not free.
var PoolUsedBlocks = schema.Int64Gauge{
	Name:           "vllm.simple_cpu_offload.used_blocks",
	PrometheusName: "vllm:simple_cpu_offload_used_blocks",
	Unit:           "{block}",
	Description:    "Blocks of the CPU pool that are in use: the total less the free ones.",
	Additive:       true,
	Usage:          "Compare with the total: at the total, stores are dropped.",
	Query:          "max by (model_name, engine) (vllm:simple_cpu_offload_used_blocks)",
	Trap:           "It is not how full the cache is: cached blocks that may be evicted are left out.",
}

// PoolUsage is the fraction of pool blocks that are not free.
var PoolUsage = schema.Float64Gauge{
	Name:           "vllm.simple_cpu_offload.usage_perc",
	PrometheusName: "vllm:simple_cpu_offload_usage_perc",
	Unit:           "1",
	Description:    "Fraction of the CPU pool's blocks that are in use, from 0 to 1. It does not tell how full the cache is.",
	Usage:          "Near 1, stores are dropped.",
	Query:          "max by (model_name, engine) (vllm:simple_cpu_offload_usage_perc)",
	Trap:           "The name says percent. It is a fraction.",
}

// PoolPendingLoads is the number of requests that wait for a load.
var PoolPendingLoads = schema.Int64Gauge{
	Name:           "vllm.simple_cpu_offload.pending_loads",
	PrometheusName: "vllm:simple_cpu_offload_pending_loads",
	Unit:           "{request}",
	Description:    "Requests with a load from the CPU to the GPU under way, those abandoned by a reset and not yet drained among them.",
	Additive:       true,
	Usage:          "A level that never returns to 0 on an idle engine means a stuck transfer.",
	Query:          "max by (model_name, engine) (vllm:simple_cpu_offload_pending_loads)",
	Trap:           "It counts requests, while the pending stores count events.",
}

// PoolPendingStores is the number of store events in flight.
var PoolPendingStores = schema.Int64Gauge{
	Name:           "vllm.simple_cpu_offload.pending_stores",
	PrometheusName: "vllm:simple_cpu_offload_pending_stores",
	Unit:           "{event}",
	Description:    "Store events from the GPU to the CPU that are in flight.",
	Additive:       true,
	Usage:          "A level that only grows means a stuck transfer.",
	Query:          "max by (model_name, engine) (vllm:simple_cpu_offload_pending_stores)",
	Trap:           "It counts events, neither requests nor blocks.",
}
