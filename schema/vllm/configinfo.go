// SPDX-License-Identifier: Apache-2.0

package vllm

import (
	"slices"

	"github.com/otelkv/otelkv-go/schema"
)

// ConfigInfo returns the metric whose labels are the static offload configuration of an
// engine. It is vLLM's pull request 56867, which is not merged: no release has the metric,
// and its label names may change. Without info in the payloads it has no series. A
// specification declares the label names, and the info of a payload gives the values. A
// label that the info does not have is empty, and info that is not declared is dropped.
func ConfigInfo(labelNames ...string) schema.Int64Gauge {
	return schema.Int64Gauge{
		Name:           "vllm.kv_offload.config_info",
		PrometheusName: "vllm:kv_offload_config_info",
		Unit:           "1",
		Description:    "Always 1. The labels tell the static offload configuration of this engine, not of the whole instance. It is absent until the engine's first step.",
		LabelNames:     slices.Clone(labelNames),
		FromInfo:       true,
		Usage:          "Read capacities from the labels. For an instance, add up its engines.",
		Query:          "vllm:kv_offload_config_info",
		Trap:           "No release of vLLM has it yet. An idle engine does not have it until it does something. A fact that is not known reads None.",
	}
}

// CPUConfigLabelNames returns the label names that vLLM's CPU specification
// declares for [ConfigInfo].
func CPUConfigLabelNames() []string {
	return []string{
		"cpu_num_chunks",
		"cpu_blocks_per_chunk",
		"cpu_kv_bytes_per_chunk",
		"cpu_capacity_tokens_at_max_len",
	}
}
