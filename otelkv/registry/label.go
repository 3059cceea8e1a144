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
		a := describe(name)
		a.Key, a.Type, a.Stability = name, "string", schema.StabilityDevelopment.String()
		if len(values[name]) > 0 {
			a.Examples = values[name]
		}
		attributes = append(attributes, located[attribute]{value: a})
	}
	return attributes
}

// describe returns an attribute with the brief and the examples of a label.
func describe(name string) attribute {
	known, ok := map[string]attribute{
		schema.LabelModelName:            {Brief: "Name of the served model.", Examples: []string{"meta-llama/Llama-3.1-8B"}},
		schema.LabelEngine:               {Brief: "Index of the serving engine, in decimal.", Examples: []string{"0", "1"}},
		schema.LabelTier:                 {Brief: "Tier, as its index and its type.", Examples: []string{"0:primary", "1:fs"}},
		"transfer_type":                  {Brief: "Direction of a transfer, as the media it goes from and to.", Examples: []string{"CPU_to_GPU", "GPU_to_CPU"}},
		"outcome":                        {Brief: "What was decided about a store.", Examples: []string{}},
		"block_size":                     {Brief: "Tokens in a KV block, in decimal.", Examples: []string{"16"}},
		"num_gpu_blocks":                 {Brief: "KV blocks on the GPU, in decimal.", Examples: []string{"74272"}},
		"num_cpu_blocks":                 {Brief: "KV blocks in host memory, in decimal, or None.", Examples: []string{"None"}},
		"kv_offloading_backend":          {Brief: "Backend of KV offloading.", Examples: []string{"native"}},
		"kv_offloading_size":             {Brief: "Size of the offload cache in GiB, or None.", Examples: []string{"4.0", "None"}},
		"backend":                        {Brief: "Where the simple CPU connector keeps its blocks.", Examples: []string{"cpu", "disk"}},
		"page_cache":                     {Brief: "Whether the disk backend goes through the page cache.", Examples: []string{"true", "false"}},
		"lazy_offload":                   {Brief: "Whether stores run in lazy mode.", Examples: []string{"true", "false"}},
		"capacity_blocks":                {Brief: "Blocks that the pool can hold, in decimal.", Examples: []string{"4096"}},
		"cpu_num_chunks":                 {Brief: "Chunks of the CPU cache, in decimal, or None.", Examples: []string{"8192", "None"}},
		"cpu_blocks_per_chunk":           {Brief: "KV blocks in a chunk, in decimal, or None.", Examples: []string{"16", "None"}},
		"cpu_kv_bytes_per_chunk":         {Brief: "Bytes of KV data in a chunk, in decimal, or None.", Examples: []string{"2097152", "None"}},
		"cpu_capacity_tokens_at_max_len": {Brief: "Tokens that the CPU cache can hold at the greatest length of a request, in decimal, or None.", Examples: []string{"131072", "None"}},
	}[name]
	if !ok {
		return attribute{Brief: fmt.Sprintf("Label %q of the metrics that have it.", name), Examples: []string{"a value"}}
	}
	return known
}
