// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// Deprecated returns the three metrics of the first generation of vLLM's offload
// metrics, which have the direction as a label. Each repeats two of the metrics of
// [Connector]. vLLM's OffloadPromMetrics registers them and their series in its
// constructor, and writes them if the specification is CPUOffloadingSpec or a subclass.
//
// The label values contain the medium of the engine: they are "CPU_to_GPU" and
// "GPU_to_CPU" unless the engine was added with another medium.
func Deprecated() []schema.Metric {
	return []schema.Metric{
		TotalBytes,
		TotalTime,
		Size,
	}
}

// mirrorsByDirection makes a metric repeat two metrics, one for each direction. load and
// store are their Prometheus names.
func mirrorsByDirection(load, store string) []schema.Mirror {
	return []schema.Mirror{
		{Of: load, LabelValues: []string{schema.Medium + "_to_GPU"}},
		{Of: store, LabelValues: []string{"GPU_to_" + schema.Medium}},
	}
}

// TotalBytes repeats [LoadBytes] and [StoreBytes].
var TotalBytes = schema.Int64Counter{
	Name:           "vllm.kv_offload.total_bytes",
	PrometheusName: "vllm:kv_offload_total_bytes",
	Unit:           "By",
	Description:    "Bytes moved between the GPU and offload storage, by direction. Deprecated: use the load and store bytes.",
	LabelNames:     []string{"transfer_type"},
	Mirrors:        mirrorsByDirection(LoadBytes.PrometheusName, StoreBytes.PrometheusName),
	StartsAtZero:   true,
	Stability:      schema.StabilityDeprecated,
	ReplacedBy:     "vllm:kv_offload_load_bytes and vllm:kv_offload_store_bytes",
	Since:          "v0.26.0 or earlier",
	Usage:          "Kept for existing dashboards.",
	Query:          "sum by (transfer_type) (rate(vllm:kv_offload_total_bytes_total[5m]))",
	Trap:           "Adding it to the load or store bytes counts everything twice. vLLM writes it with its CPU and tiering specifications only. The sample name has \"total\" twice.",
}

// TotalTime repeats [LoadTime] and [StoreTime].
var TotalTime = schema.Float64Counter{
	Name:           "vllm.kv_offload.total_time",
	PrometheusName: "vllm:kv_offload_total_time",
	Unit:           "s",
	Description:    "Worker-seconds spent moving data between the GPU and offload storage, by direction. Deprecated: use the load and store time.",
	LabelNames:     []string{"transfer_type"},
	Mirrors:        mirrorsByDirection(LoadTime.PrometheusName, StoreTime.PrometheusName),
	StartsAtZero:   true,
	Stability:      schema.StabilityDeprecated,
	ReplacedBy:     "vllm:kv_offload_load_time and vllm:kv_offload_store_time",
	Since:          "v0.26.0 or earlier",
	Usage:          "Kept for existing dashboards.",
	Query:          "sum by (transfer_type) (rate(vllm:kv_offload_total_time_total[5m]))",
	Trap:           "Workers add up, so it can grow faster than the clock. vLLM writes it with its CPU and tiering specifications only. The sample name has \"total\" twice.",
}

// Size repeats [LoadSize] and [StoreSize].
var Size = schema.Histogram{
	Name:           "vllm.kv_offload.size",
	PrometheusName: "vllm:kv_offload_size",
	Unit:           "By",
	Description:    "Size of one transfer between the GPU and offload storage, by direction. Deprecated: use the load and store size.",
	LabelNames:     []string{"transfer_type"},
	Boundaries:     sizeBoundaries(),
	Mirrors:        mirrorsByDirection(LoadSize.PrometheusName, StoreSize.PrometheusName),
	StartsAtZero:   true,
	Stability:      schema.StabilityDeprecated,
	ReplacedBy:     "vllm:kv_offload_load_size and vllm:kv_offload_store_size",
	Since:          "v0.26.0 or earlier",
	Usage:          "Kept for existing dashboards.",
	Query:          "histogram_quantile(0.99, sum by (le, transfer_type) (rate(vllm:kv_offload_size_bucket[5m])))",
	Trap:           "The last boundary is 200 MB, so no quantile reads higher. vLLM writes it with its CPU and tiering specifications only.",
}
