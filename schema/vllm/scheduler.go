// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// Scheduler returns the metrics of vLLM's scheduler that routers read before they send a
// request to an engine: those of the default configuration of llm-d-router's core metrics
// extractor, except those of LoRA. They are not offloading metrics, so no catalogue of
// this package has them. vLLM registers them in PrometheusStatLogger
// (vllm/v1/metrics/loggers.py).
func Scheduler() []schema.Metric {
	return []schema.Metric{
		RequestsRunning,
		RequestsWaiting,
		KVCacheUsage,
		CacheConfigInfo,
	}
}

// RequestsRunning is the number of requests that the engine works on.
var RequestsRunning = schema.Int64Gauge{
	Name:           "vllm.num_requests_running",
	PrometheusName: "vllm:num_requests_running",
	Unit:           "{request}",
	Description:    "Requests that are being executed.",
	StartsAtZero:   true,
	Additive:       true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "How busy the engine is. Dashboards take the names of models from its labels.",
	Query:          "sum by (model_name) (vllm:num_requests_running)",
}

// RequestsWaiting is the number of requests that wait to be scheduled.
var RequestsWaiting = schema.Int64Gauge{
	Name:           "vllm.num_requests_waiting",
	PrometheusName: "vllm:num_requests_waiting",
	Unit:           "{request}",
	Description:    "Requests that wait to be scheduled.",
	StartsAtZero:   true,
	Additive:       true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "A queue that grows means that the engine gets more than it can serve.",
	Query:          "sum by (model_name) (vllm:num_requests_waiting)",
	Trap:           "It includes requests that wait for the KV cache of an offload tier.",
}

// KVCacheUsage is the fraction of the GPU's KV cache that requests hold.
var KVCacheUsage = schema.Float64Gauge{
	Name:           "vllm.kv_cache_usage_perc",
	PrometheusName: "vllm:kv_cache_usage_perc",
	Unit:           "1",
	Description:    "Fraction of the GPU's KV cache that is in use, from 0 to 1.",
	StartsAtZero:   true,
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Near 1, requests wait or are preempted.",
	Query:          "max by (model_name, engine) (vllm:kv_cache_usage_perc)",
	Trap:           "The name says percent. It is a fraction. Cached blocks that no request holds count as free.",
}

// CacheConfigInfo is 1 for the cache configuration that its labels describe.
var CacheConfigInfo = schema.Int64Gauge{
	Name:           "vllm.cache_config_info",
	PrometheusName: "vllm:cache_config_info",
	Unit:           "1",
	Description:    "Always 1. The labels tell the static configuration of the engine's KV cache.",
	LabelNames:     []string{"block_size", "num_gpu_blocks", "num_cpu_blocks", "kv_offloading_backend", "kv_offloading_size"},
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Routers read the block size and the number of blocks from it, and from kv_offloading_size whether the engine offloads.",
	Query:          "count by (block_size, kv_offloading_size) (vllm:cache_config_info)",
	Trap:           "vLLM has a label for each field of its CacheConfig, of which these are the ones that other programs read, and no model_name. What is not set reads None.",
}
