// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
)

func Example() {
	if err := run(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// controller_reconciles_total 1
	// vllm:kv_offload_load_bytes_total{engine="0",model_name="llama"} 4096
}
