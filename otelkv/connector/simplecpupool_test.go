// SPDX-License-Identifier: Apache-2.0

package connector_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func newSimpleCPUPool(t testing.TB, counts connector.SimpleCPUPoolCounts, opts ...connector.Option) *connector.SimpleCPUPool {
	t.Helper()
	pool, err := connector.NewSimpleCPUPool(counts, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func poolGauges(total, free, used, usage, loads, stores float64) reduced {
	return reduced{
		"vllm:simple_cpu_offload_total_blocks":   total,
		"vllm:simple_cpu_offload_free_blocks":    free,
		"vllm:simple_cpu_offload_used_blocks":    used,
		"vllm:simple_cpu_offload_usage_perc":     usage,
		"vllm:simple_cpu_offload_pending_loads":  loads,
		"vllm:simple_cpu_offload_pending_stores": stores,
	}
}

// TestVLLMSimplePool holds the cases about gauges of the tests of vLLM's other
// design.
func TestVLLMSimplePool(t *testing.T) {
	for _, test := range []struct {
		name   string
		counts connector.SimpleCPUPoolCounts
		want   reduced
	}{
		{"at the start", connector.SimpleCPUPoolCounts{Total: 64, Free: 64}, poolGauges(64, 64, 0, 0, 0, 0)},
		{"one pending store", connector.SimpleCPUPoolCounts{Total: 64, Free: 48, PendingStores: 1}, poolGauges(64, 48, 16, 0.25, 0, 1)},
		{"no pending store any more", connector.SimpleCPUPoolCounts{Total: 64, Free: 64}, poolGauges(64, 64, 0, 0, 0, 0)},
		{"one pending load", connector.SimpleCPUPoolCounts{Total: 64, Free: 32, PendingLoads: 1}, poolGauges(64, 32, 32, 0.5, 1, 0)},
		{"no blocks", connector.SimpleCPUPoolCounts{}, poolGauges(0, 0, 0, 0, 0, 0)},
		{"more free than there are", connector.SimpleCPUPoolCounts{Total: 1, Free: 2}, poolGauges(1, 2, 0, 0, 0, 0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := newSimpleCPUPool(t, connector.SimpleCPUPoolCounts{Total: 9, Free: 1})
			mustEqual(t, "before", poolGauges(9, 1, 8, 8./9, 0, 0), reduce(pool.Take()))
			pool.SetCounts(test.counts)
			mustEqual(t, "take", test.want, reduce(pool.Take()))
			mustEqual(t, "take again", test.want, reduce(pool.Take()))

			var series, dst stats.Payload
			pool = newSimpleCPUPool(t, connector.SimpleCPUPoolCounts{Total: 9, Free: 1}, connector.WithBinder(&series))
			mustEqual(t, "before, with a binder", poolGauges(9, 1, 8, 8./9, 0, 0), reduce(series.Take()))
			pool.SetCounts(test.counts)
			mustEqual(t, "with a binder", test.want, reduce(series.Take()))
			if pool.Take() != nil || pool.TakeInto(&dst) {
				t.Error("a pool with a binder gave a payload")
			}
		})
	}
}

func TestNewPoolReportsEverything(t *testing.T) {
	var taken stats.Payload
	names := []string{vllm.PoolTotalBlocks.PrometheusName, vllm.PoolPendingStores.PrometheusName}
	for _, name := range names {
		if err := taken.AddCounter(name, stats.Int64(1)); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := connector.NewSimpleCPUPool(connector.SimpleCPUPoolCounts{}, connector.WithBinder(&taken))
	if pool != nil || err == nil || !strings.Contains(err.Error(), names[0]) || !strings.Contains(err.Error(), names[1]) {
		t.Errorf("NewPool returned %v, %v, want an error that names %q", pool, err, names)
	}
}

// TestPoolMergesWithTransfers merges a scheduler's gauges into a worker's
// transfers, as vLLM does for its engine's stats.
func TestPoolMergesWithTransfers(t *testing.T) {
	recorder, err := connector.NewTransfers()
	if err != nil {
		t.Fatal(err)
	}
	recorder.Record(connector.Load, 4096, 10*time.Millisecond)
	sum := recorder.Take()
	if err := sum.Merge(newSimpleCPUPool(t, connector.SimpleCPUPoolCounts{Total: 4, Free: 3}).Take()); err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "merged", all(poolGauges(4, 3, 1, 0.25, 0, 0), reduced{
		vllm.LoadBytes.PrometheusName:           4096,
		vllm.LoadTime.PrometheusName:            0.01,
		vllm.LoadSize.PrometheusName + "_count": 1,
		vllm.LoadSize.PrometheusName + "_sum":   4096,
	}), reduce(sum))
}

// TestPoolOffThread sets counts and takes at once. What is taken is one set of
// counts, never a mix.
func TestPoolOffThread(t *testing.T) {
	const sets = 200
	pool := newSimpleCPUPool(t, connector.SimpleCPUPoolCounts{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range sets {
				pool.SetCounts(connector.SimpleCPUPoolCounts{Total: i, Free: i, PendingLoads: i, PendingStores: i})
			}
		})
	}
	var reused stats.Payload
	for range sets {
		pool.TakeInto(&reused)
		for _, p := range []*stats.Payload{&reused, pool.Take()} {
			got := reduce(p)
			n := got[vllm.PoolTotalBlocks.PrometheusName]
			mustEqual(t, "take", poolGauges(n, n, 0, 0, n, n), got)
		}
	}
	wait.Wait()
}
