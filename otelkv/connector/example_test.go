// SPDX-License-Identifier: Apache-2.0

package connector_test

import (
	"fmt"
	"log"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A lookup is deferred while a slow tier makes up its mind, and resolves 25 ms
// later.
func ExampleTracker() {
	now := time.Now()
	tracker, err := connector.NewTracker(connector.WithClock(func() time.Time { return now }))
	if err != nil {
		log.Fatal(err)
	}
	resolved := false
	tracker.RecordLookup("request-1", resolved, 0)
	now = now.Add(25 * time.Millisecond)
	resolved = true
	tracker.RecordLookup("request-1", resolved, 0)
	tracker.RequestFinished("request-1")
	fmt.Println(tracker.Take().Reduce())
	// Output:
	// vllm:kv_offload_lookup_sync_delay_seconds_count=2, vllm:kv_offload_lookup_sync_delay_seconds_sum=0.0, vllm:kv_offload_lookup_async_delay_seconds_count=1, vllm:kv_offload_lookup_async_delay_seconds_sum=0.025
}

// A copy that runs to its end in one call. The timer starts when everything is
// prepared.
func ExampleTransfers_Start() {
	now := time.Now()
	transfers, err := connector.NewTransfers(connector.WithClock(func() time.Time { return now }))
	if err != nil {
		log.Fatal(err)
	}
	src, dst := make([]byte, 1<<20), make([]byte, 1<<20)

	timer := transfers.Start(connector.Store)
	n := copy(dst, src)
	now = now.Add(250 * time.Microsecond)
	timer.End(int64(n))

	fmt.Println(transfers.Take().Reduce())
	fmt.Println(transfers.Take() == nil)
	// Output:
	// vllm:kv_offload_store_bytes=1048576, vllm:kv_offload_store_time=0.00025, vllm:kv_offload_store_size_count=1, vllm:kv_offload_store_size_sum=1048576
	// true
}

// A copy that is launched on a GPU stream and completes later: a pair of timing
// events says how long it took.
func ExampleTransfers_Record() {
	transfers, err := connector.NewTransfers()
	if err != nil {
		log.Fatal(err)
	}
	elapsed := 2 * time.Millisecond // between the events, asked once the second is done
	transfers.Record(connector.Load, 1<<20, elapsed)
	fmt.Println(transfers.Take().Reduce())
	// Output:
	// vllm:kv_offload_load_bytes=1048576, vllm:kv_offload_load_time=0.002, vllm:kv_offload_load_size_count=1, vllm:kv_offload_load_size_sum=1048576
}

// An engine's facts are sent with the first payload, and again when they change.
func ExampleConfigInfo() {
	config, err := connector.NewConfigInfo(vllm.ConfigInfo(vllm.CPUConfigLabelNames()...))
	if err != nil {
		log.Fatal(err)
	}
	err = config.Set(map[string]string{
		"cpu_num_chunks":         "1024",
		"cpu_blocks_per_chunk":   "16",
		"cpu_kv_bytes_per_chunk": "2097152",
		"cpu_eviction_policy":    "lru",
	})
	fmt.Println(err)
	info := config.Take().Info()
	fmt.Println(info[0]["cpu_num_chunks"], config.Take() == nil)
	// Output:
	// otelkv: metric "vllm:kv_offload_config_info": no value for labels ["cpu_capacity_tokens_at_max_len"], sent empty; labels ["cpu_eviction_policy"] are not declared, dropped
	// 1024 true
}
