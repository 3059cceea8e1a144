// SPDX-License-Identifier: Apache-2.0

package vllm_test

import (
	"fmt"

	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A reader that still asks for the names of before the rename gets them as
// mirrors.
func ExampleRetired() {
	catalogue, err := vllm.TieringSpec().With(vllm.Retired()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"vllm:kv_offload_tiering_chunk_hits", "vllm:kv_offload_tiering_block_hits"} {
		d, _ := catalogue.Lookup(name)
		fmt.Println(d.SampleName(), d.LabelNames, d.Stability)
	}
	// Output:
	// vllm:kv_offload_tiering_chunk_hits_total [tier] development
	// vllm:kv_offload_tiering_block_hits_total [tier] deprecated
}

// A specification with facts of its own declares their label names. The later
// definition takes the place of the one with the CPU's alone.
func ExampleConfigInfo() {
	names := append(vllm.CPUConfigLabelNames(), "fs_root")
	catalogue, err := vllm.TieringSpec().With(vllm.ConfigInfo(names...))
	if err != nil {
		fmt.Println(err)
		return
	}
	d, _ := catalogue.Lookup("vllm:kv_offload_config_info")
	for _, name := range d.LabelNames {
		fmt.Println(name)
	}
	// Output:
	// cpu_num_chunks
	// cpu_blocks_per_chunk
	// cpu_kv_bytes_per_chunk
	// cpu_capacity_tokens_at_max_len
	// fs_root
}
