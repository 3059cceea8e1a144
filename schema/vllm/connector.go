// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// Connector returns the metrics that vLLM's OffloadingConnector declares for every
// specification, in
// vllm/distributed/kv_transfer/kv_connector/v1/offloading/metrics.py.
func Connector() []schema.Metric {
	return []schema.Metric{
		LoadBytes,
		LoadTime,
		LoadSize,
		StoreBytes,
		StoreTime,
		StoreSize,
		LookupSyncDelay,
		LookupAsyncDelay,
		AllocationFailure,
	}
}

// LoadBytes counts the bytes that finished transfers loaded.
var LoadBytes = schema.Int64Counter{
	Name:           "vllm.kv_offload.load_bytes",
	PrometheusName: "vllm:kv_offload_load_bytes",
	Unit:           "By",
	Description:    "Bytes loaded from offload storage to the GPU by finished transfers, summed over workers.",
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "The rate is the bandwidth that cache hits outside the GPU draw. Divide by the load time for the speed of one worker.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_load_bytes_total[5m]))",
	Trap:           "It has no tier label: bytes that a promotion moved from a secondary tier count here too when they are loaded to the GPU.",
}

// LoadTime sums the seconds that workers spent on loads.
var LoadTime = schema.Float64Counter{
	Name:           "vllm.kv_offload.load_time",
	PrometheusName: "vllm:kv_offload_load_time",
	Unit:           "s",
	Description:    "Worker-seconds spent loading from offload storage to the GPU. Workers add up, so it can grow faster than the clock.",
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Load bytes divided by load time is the mean speed of a transfer on one worker.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_load_bytes_total[5m])) / (sum by (model_name, engine) (rate(vllm:kv_offload_load_time_total[5m])) > 0)",
	Trap:           "With tensor parallelism every worker adds its own time for the same load. It is not the time that a request waited.",
}

// LoadSize distributes the bytes of single loads.
var LoadSize = schema.Histogram{
	Name:           "vllm.kv_offload.load_size",
	PrometheusName: "vllm:kv_offload_load_size",
	Unit:           "By",
	Description:    "Size of one load from offload storage to the GPU, one sample for each finished transfer on each worker.",
	Boundaries:     sizeBoundaries(),
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Many small loads cost more than a few large ones of the same bytes. The count is the number of transfers.",
	Query:          "histogram_quantile(0.9, sum by (le, model_name) (rate(vllm:kv_offload_load_size_bucket[5m])))",
	Trap:           "The last boundary is 200 MB, so no quantile reads higher.",
}

// StoreBytes counts the bytes that finished transfers stored.
var StoreBytes = schema.Int64Counter{
	Name:           "vllm.kv_offload.store_bytes",
	PrometheusName: "vllm:kv_offload_store_bytes",
	Unit:           "By",
	Description:    "Bytes stored from the GPU to offload storage by finished transfers, summed over workers.",
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Compare with the load bytes: stores that are never loaded again waste bandwidth.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_store_bytes_total[5m]))",
}

// StoreTime sums the seconds that workers spent on stores.
var StoreTime = schema.Float64Counter{
	Name:           "vllm.kv_offload.store_time",
	PrometheusName: "vllm:kv_offload_store_time",
	Unit:           "s",
	Description:    "Worker-seconds spent storing from the GPU to offload storage. Workers add up, so it can grow faster than the clock.",
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Store bytes divided by store time is the mean speed of a transfer on one worker.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_store_bytes_total[5m])) / (sum by (model_name, engine) (rate(vllm:kv_offload_store_time_total[5m])) > 0)",
	Trap:           "With tensor parallelism every worker adds its own time for the same store.",
}

// StoreSize distributes the bytes of single stores.
var StoreSize = schema.Histogram{
	Name:           "vllm.kv_offload.store_size",
	PrometheusName: "vllm:kv_offload_store_size",
	Unit:           "By",
	Description:    "Size of one store from the GPU to offload storage, one sample for each finished transfer on each worker.",
	Boundaries:     sizeBoundaries(),
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "The count is the number of store transfers.",
	Query:          "histogram_quantile(0.9, sum by (le, model_name) (rate(vllm:kv_offload_store_size_bucket[5m])))",
	Trap:           "The last boundary is 200 MB, so no quantile reads higher.",
}

// LookupSyncDelay distributes the seconds of single offload lookups.
var LookupSyncDelay = schema.Histogram{
	Name:           "vllm.kv_offload.lookup_sync_delay_seconds",
	PrometheusName: "vllm:kv_offload_lookup_sync_delay_seconds",
	Unit:           "s",
	Description:    "Time that the scheduler was blocked in one offload lookup call.",
	Boundaries:     syncDelayBoundaries(),
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "The scheduler serves no other request meanwhile, so a high quantile slows the whole engine.",
	Query:          "histogram_quantile(0.9, sum by (le, model_name) (rate(vllm:kv_offload_lookup_sync_delay_seconds_bucket[5m])))",
	Trap:           "Calls that run no lookup leave no sample, so the count is not the number of requests.",
}

// LookupAsyncDelay distributes the seconds from a deferred lookup to its end.
var LookupAsyncDelay = schema.Histogram{
	Name:           "vllm.kv_offload.lookup_async_delay_seconds",
	PrometheusName: "vllm:kv_offload_lookup_async_delay_seconds",
	Unit:           "s",
	Description:    "Time from the first deferred lookup of a request to the lookup that resolves it, or to the end of the request. Only requests that were deferred count.",
	Boundaries:     asyncDelayBoundaries(),
	Since:          "v0.26.0 or earlier",
	Usage:          "The rate of the sum is the mean number of requests that wait for a lookup.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_lookup_async_delay_seconds_sum[5m]))",
	Trap:           "Survivorship bias: lookups that resolve at once leave no sample, so a quantile describes deferred lookups only. One request can leave several samples.",
}

// AllocationFailure counts stores that found no free space in the offload storage.
var AllocationFailure = schema.Int64Counter{
	Name:           "vllm.kv_offload.allocation_failure",
	PrometheusName: "vllm:kv_offload_allocation_failure",
	Unit:           "{attempt}",
	Description:    "Attempts to allocate room for a store that failed. The data stays on the GPU and is not offloaded.",
	Stability:      schema.StabilityStable,
	Since:          "v0.26.0 or earlier",
	Usage:          "Growth means that the offload storage is too small, or that its chunks stay pinned for too long.",
	Query:          "sum by (model_name, engine) (rate(vllm:kv_offload_allocation_failure_total[5m]))",
	Trap:           "vLLM shows it from the first failure on, so absent may mean none so far.",
}
