// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"fmt"
	"log"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

// A scheduler asks the primary tier and then a file tier for a chunk, promotes
// what the file tier has, and sends one payload at the end of the step.
func Example() {
	tracker, err := tiering.NewTracker(tiering.Config{
		SecondaryTiers: []string{"fs"},
		PrimaryChunks:  1024,
		ChunkSize:      1 << 20,
	})
	if err != nil {
		log.Fatal(err)
	}
	chunk := tiering.ChunkKeyOf("a chunk's content hash")

	tracker.RequestStarted("request-1")
	tracker.RecordLookup("request-1", 0, chunk, tiering.Miss, 5*time.Microsecond)
	tracker.RecordLookup("request-1", 1, chunk, tiering.Hit, 250*time.Microsecond)
	promotion := tracker.StartPromotion(1, 1)
	promotion.SetTime(4 * time.Millisecond)
	promotion.Succeed()
	tracker.RequestAllocated("request-1")
	tracker.RequestFinished("request-1")

	summary := tracker.Take().Reduce()
	for _, key := range []string{
		"vllm:kv_offload_tiering_chunk_hits:('1:fs',)",
		"vllm:kv_offload_tiering_read_bytes:('1:fs',)",
		"vllm:kv_offload_tiering_active_promotion_jobs:('1:fs',)",
	} {
		value, _ := summary.Get(key)
		fmt.Println(key, value)
	}
	// Output:
	// vllm:kv_offload_tiering_chunk_hits:('1:fs',) 1
	// vllm:kv_offload_tiering_read_bytes:('1:fs',) 1048576
	// vllm:kv_offload_tiering_active_promotion_jobs:('1:fs',) 0
}

// A tier whose average is far above its high mark is spared further stores until
// it recovers. The first three stores only seed the average.
func ExampleTracker_AdmitStore() {
	now := time.Now()
	tracker, err := tiering.NewTracker(
		tiering.Config{
			SecondaryTiers: []string{"fs"},
			ChunkSize:      1 << 20,
			BackPressure:   map[int]tiering.BackPressure{1: tiering.DefaultBackPressure("fs", "")},
		},
		connector.WithClock(func() time.Time { return now }),
	)
	if err != nil {
		log.Fatal(err)
	}
	for range 5 {
		if !tracker.AdmitStore(1, 1) {
			fmt.Println("dropped")
			continue
		}
		cascade := tracker.StartCascade(1, 1)
		now = now.Add(200 * time.Millisecond)
		cascade.Succeed()
		fmt.Println("stored")
	}
	// Output:
	// stored
	// stored
	// stored
	// stored
	// dropped
}

// A service that takes vLLM's configuration reads its detectors from there.
func ExampleParseBackPressure() {
	detectors, err := tiering.ParseBackPressure(`{
		"backpressure": {"backpressure_cls": "EMABackpressureDetector"},
		"secondary_tiers": [
			{"type": "fs", "backpressure": {"policy_cls": "DropStorePolicy", "high_water_s": 0.01}},
			{"type": "obj"}
		]
	}`, "")
	if err != nil {
		log.Fatal(err)
	}
	for tier := 1; tier <= 2; tier++ {
		b := detectors[tier]
		fmt.Println(tier, b.Policy, b.HighWater, b.LowWater)
	}
	// Output:
	// 1 DropStorePolicy 0.01 0.001
	// 2 ThrottledDropPolicy 0.02 0.005
}

// The pool of host memory is described by counts; usage is what transfers pin.
func ExampleCPUPool() {
	pool, err := tiering.NewCPUPool(tiering.Config{PrimaryChunks: 8})
	if err != nil {
		log.Fatal(err)
	}
	pool.RecordAllocation(2)
	pool.SetCounts(tiering.PoolCounts{Allocated: 6, Evictable: 4, WritePending: 2})
	fmt.Println(pool.Take().Reduce())
	// Output:
	// vllm:kv_offload_cpu_cache_usage_perc=0.25, vllm:kv_offload_cpu_cache_write_usage_perc=0.25, vllm:kv_offload_cpu_cache_read_usage_perc=0.0, vllm:kv_offload_cpu_allocation_size_count=1, vllm:kv_offload_cpu_allocation_size_sum=2
}
