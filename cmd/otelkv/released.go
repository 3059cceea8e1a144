// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// withReleased adds what vLLM's release 0.33 has and package vllm does not: its labels of
// the configuration info, and the given metrics. labels are those in addition to the
// labels of the CPU cache.
func withReleased(catalogue *schema.Catalogue, labels []string, more ...schema.Metric) (*schema.Catalogue, error) {
	names := append([]string{
		"cpu_num_chunks",
		"cpu_blocks_per_chunk",
		"cpu_kv_cache_size_bytes",
		"cpu_kv_cache_size_tokens",
	}, labels...)
	return catalogue.With(append(more, vllm.ConfigInfo(names...))...)
}

// promotionLatency is vLLM's PROMOTION_LATENCY (vllm/v1/kv_offload/tiering/spec.py).
var promotionLatency = schema.Histogram{
	Name:           "vllm.kv_offload.tiering.promotion_latency_seconds",
	PrometheusName: "vllm:kv_offload_tiering_promotion_latency_seconds",
	Unit:           "s",
	Description:    "Time from the creation of a promotion job until the scheduler sees its end, by tier and result. It includes the wait in the tier's queue.",
	LabelNames:     []string{schema.LabelTier, "result"},
	LabelValues:    map[string][]string{"result": {"success", "failure"}},
	Boundaries:     []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
	Since:          "v0.33.0",
}
