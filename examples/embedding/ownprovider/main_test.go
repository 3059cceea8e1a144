package main

import (
	"context"
	"fmt"
	"os"
)

func Example() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// service_requests_total{otel_scope_name="example.com/service",otel_scope_schema_url="",otel_scope_version=""} 3
	// vllm:kv_offload_load_bytes_total{engine="0",model_name="llama"} 4096
}
