// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"

	"github.com/otelkv/otelkv-go/schema"
)

func engineLabels() []string { return []string{schema.LabelModelName, schema.LabelEngine} }

// labels returns the labels of all metrics as attributes, in the order of their first
// use.
func labels(catalogue *schema.Catalogue) []located[attribute] {
	names, values := engineLabels(), make(map[string][]string)
	for d := range catalogue.All() {
		for _, name := range d.LabelNames {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			for _, value := range d.LabelValues[name] {
				if !slices.Contains(values[name], value) {
					values[name] = append(values[name], value)
				}
			}
		}
	}
	attributes := make([]located[attribute], 0, len(names))
	for _, name := range names {
		brief, examples := describe(name)
		if len(values[name]) > 0 {
			examples = values[name]
		}
		attributes = append(attributes, located[attribute]{value: attribute{
			Key: name, Type: "string", Brief: brief, Stability: schema.StabilityDevelopment.String(), Examples: examples,
		}})
	}
	return attributes
}

// describe returns the brief and the examples of a label.
func describe(name string) (brief string, examples []string) {
	switch name {
	case schema.LabelModelName:
		return "Name of the served model.", []string{"meta-llama/Llama-3.1-8B"}
	case schema.LabelEngine:
		return "Index of the serving engine, in decimal.", []string{"0", "1"}
	case schema.LabelTier:
		return "Tier, as its index and its type.", []string{"0:primary", "1:fs"}
	case "transfer_type":
		return "Direction of a transfer, as the media it goes from and to.", []string{"CPU_to_GPU", "GPU_to_CPU"}
	case "outcome":
		return "What was decided about a store.", nil
	case "block_size":
		return "Tokens in a KV block, in decimal.", []string{"16"}
	case "num_gpu_blocks":
		return "KV blocks on the GPU, in decimal.", []string{"74272"}
	case "num_cpu_blocks":
		return "KV blocks in host memory, in decimal, or None.", []string{"None"}
	case "kv_offloading_backend":
		return "Backend of KV offloading.", []string{"native"}
	case "kv_offloading_size":
		return "Size of the offload cache in GiB, or None.", []string{"4.0", "None"}
	case "backend":
		return "Where the simple CPU connector keeps its blocks.", []string{"cpu", "disk"}
	case "page_cache":
		return "Whether the disk backend goes through the page cache.", []string{"true", "false"}
	case "lazy_offload":
		return "Whether stores run in lazy mode.", []string{"true", "false"}
	case "capacity_blocks":
		return "Blocks that the pool can hold, in decimal.", []string{"4096"}
	case "cpu_num_chunks":
		return "Chunks of the CPU cache, in decimal, or None.", []string{"8192", "None"}
	case "cpu_blocks_per_chunk":
		return "KV blocks in a chunk, in decimal, or None.", []string{"16", "None"}
	case "cpu_kv_bytes_per_chunk":
		return "Bytes of KV data in a chunk, in decimal, or None.", []string{"2097152", "None"}
	case "cpu_capacity_tokens_at_max_len":
		return "Tokens that the CPU cache can hold at the greatest length of a request, in decimal, or None.", []string{"131072", "None"}
	}
	return fmt.Sprintf("Label %q of the metrics that have it.", name), []string{"a value"}
}
