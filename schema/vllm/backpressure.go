// SPDX-License-Identifier: Apache-2.0

package vllm

import "github.com/otelkv/otelkv-go/schema"

// BackPressure returns the metrics of tiers that drop stores while they are slow.
// vLLM's TieringOffloadingSpec declares them together with those of [Tiering], and
// TieringMetricsTracker fills them from the detector of each tier.
func BackPressure() []schema.Metric {
	return []schema.Metric{
		BackPressureStoreLatencyEMA,
		BackPressureStoresDropped,
		BackPressureBlocksDropped,
	}
}

// BackPressureStoreLatencyEMA is the smoothed time that a tier takes to store.
var BackPressureStoreLatencyEMA = schema.Float64Gauge{
	Name:           "vllm.kv_offload.tiering.backpressure.store_latency_ema",
	PrometheusName: "vllm:kv_offload_tiering_backpressure_store_latency_ema",
	Unit:           "s/MiBy",
	Description:    "Exponential moving average of a tier's store latency, in seconds for each MiB, over cascades that succeeded.",
	LabelNames:     byTier(),
	Since:          "v0.30.0",
	Usage:          "When it passes the tier's mark, stores to the tier are dropped.",
	Query:          "max by (model_name, engine, tier) (vllm:kv_offload_tiering_backpressure_store_latency_ema)",
	Trap:           "The unit is seconds for each MiB, not seconds. It is absent until enough cascades finished, and holds its last value on an idle tier.",
}

// BackPressureStoresDropped counts stores that a slow tier did not get.
var BackPressureStoresDropped = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.backpressure.stores_dropped",
	PrometheusName: "vllm:kv_offload_tiering_backpressure_stores_dropped",
	Unit:           "{store}",
	Description:    "Stores to a secondary tier that were dropped because the tier was slow.",
	LabelNames:     byTier(),
	Since:          "v0.30.0",
	Usage:          "Growth means that the tier cannot follow and that its hit rate will fall.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_backpressure_stores_dropped_total[5m]))",
	Trap:           "A dropped store is not a failed job: the cascade failures do not count it.",
}

// BackPressureBlocksDropped counts the chunks of dropped stores.
var BackPressureBlocksDropped = schema.Int64Counter{
	Name:           "vllm.kv_offload.tiering.backpressure.blocks_dropped",
	PrometheusName: "vllm:kv_offload_tiering_backpressure_blocks_dropped",
	Unit:           "{chunk}",
	Description:    "Chunks of the stores to a secondary tier that were dropped because the tier was slow.",
	LabelNames:     byTier(),
	Since:          "v0.30.0",
	Usage:          "Multiply by the chunk size for the bytes that the tier did not get.",
	Query:          "sum by (tier) (rate(vllm:kv_offload_tiering_backpressure_blocks_dropped_total[5m]))",
	Trap:           "The name says blocks. It counts chunks, which may hold several blocks each.",
}
