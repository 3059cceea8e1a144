// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"math"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func newPool(t testing.TB, config tiering.Config, opts ...connector.Option) *tiering.CPUPool {
	t.Helper()
	pool, err := tiering.NewCPUPool(config, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func usage(total, write, read float64) reduced {
	return reduced{
		vllm.CPUCacheUsage.PrometheusName:      total,
		vllm.CPUCacheWriteUsage.PrometheusName: write,
		vllm.CPUCacheReadUsage.PrometheusName:  read,
	}
}

func allocations(count, sum float64) reduced {
	name := vllm.CPUAllocationSize.PrometheusName
	return reduced{name + "_count": count, name + "_sum": sum}
}

// cpuManager is a CPU manager as vLLM's, reduced to what its pool counts: a store
// takes chunks that are not held, pinned until it completes, and evicts chunks
// that are not pinned.
type cpuManager struct {
	pool      *tiering.CPUPool
	capacity  int
	pinned    map[int]bool
	evictable map[int]bool
}

func newCPUManager(t testing.TB, chunks int) *cpuManager {
	return &cpuManager{newPool(t, tiering.Config{PrimaryChunks: chunks}), chunks, map[int]bool{}, map[int]bool{}}
}

func (m *cpuManager) prepareStore(keys ...int) bool {
	var missing []int
	for _, key := range keys {
		if !m.pinned[key] && !m.evictable[key] {
			missing = append(missing, key)
		}
	}
	m.pool.RecordAllocation(len(missing))
	if len(m.pinned)+len(missing) > m.capacity {
		return false
	}
	for key := range m.evictable {
		if len(m.pinned)+len(m.evictable)+len(missing) > m.capacity {
			delete(m.evictable, key)
		}
	}
	for _, key := range missing {
		m.pinned[key] = true
	}
	m.count()
	return true
}

func (m *cpuManager) complete(keys ...int) {
	for _, key := range keys {
		delete(m.pinned, key)
		m.evictable[key] = true
	}
	m.count()
}

func (m *cpuManager) count() {
	m.pool.SetCounts(tiering.PoolCounts{
		Allocated:    len(m.pinned) + len(m.evictable),
		Evictable:    len(m.evictable),
		WritePending: len(m.pinned),
	})
}

// TestVLLMCPUManager holds the cases of vLLM's own tests of its CPU manager.
func TestVLLMCPUManager(t *testing.T) {
	t.Run("usage", func(t *testing.T) {
		m := newCPUManager(t, 4)
		for _, step := range []struct {
			name   string
			events func()
			want   reduced
		}{
			{"idle", func() {}, usage(0, 0, 0)},
			{"one store pending", func() { m.prepareStore(1, 2) }, all(usage(0.5, 0.5, 0), allocations(1, 2))},
			{"two stores pending", func() { m.prepareStore(3, 4) }, all(usage(1, 1, 0), allocations(1, 2))},
			{"first completes", func() { m.complete(1, 2) }, usage(0.5, 0.5, 0)},
			{"second completes", func() { m.complete(3, 4) }, usage(0, 0, 0)},
		} {
			step.events()
			mustEqual(t, step.name, step.want, reduce(m.pool.Take()))
		}
	})
	t.Run("allocation histogram", func(t *testing.T) {
		m := newCPUManager(t, 4)
		m.prepareStore(1, 2)
		m.complete(1, 2)
		m.prepareStore(1, 2, 3)
		m.complete(3)
		m.prepareStore(1, 2, 3)
		mustEqual(t, "first read", all(usage(0, 0, 0), allocations(2, 3)), reduce(m.pool.Take()))
		mustEqual(t, "second read", usage(0, 0, 0), reduce(m.pool.Take()))
	})
	t.Run("allocation fails", func(t *testing.T) {
		m := newCPUManager(t, 2)
		if m.prepareStore(1, 2, 3) {
			t.Fatal("the store found room")
		}
		mustEqual(t, "take", all(usage(0, 0, 0), allocations(1, 3)), reduce(m.pool.Take()))
	})
}

func TestUsageFractions(t *testing.T) {
	for _, test := range []struct {
		name   string
		chunks int
		counts tiering.PoolCounts
		want   reduced
	}{
		{"read is usage without write", 8, tiering.PoolCounts{Allocated: 8, Free: 1, Evictable: 1, WritePending: 2}, usage(0.75, 0.25, 0.5)},
		{"read is never negative", 8, tiering.PoolCounts{Allocated: 2, WritePending: 4}, usage(0.25, 0.5, 0)},
		{"usage is never negative", 8, tiering.PoolCounts{Allocated: 2, Free: 2, Evictable: 1}, usage(0, 0, 0)},
		{"extreme counts", 8, tiering.PoolCounts{Allocated: math.MinInt + 2, Free: 1, Evictable: 1, WritePending: math.MinInt}, usage(0, 0, 0)},
		{"no capacity", 0, tiering.PoolCounts{Allocated: 2, WritePending: 1}, usage(0, 0, 0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := newPool(t, tiering.Config{PrimaryChunks: test.chunks})
			pool.SetCounts(test.counts)
			mustEqual(t, "take", test.want, reduce(pool.Take()))
		})
	}
}

func TestStoresSkipped(t *testing.T) {
	skipped := func(n float64) reduced { return reduced{vllm.StoresSkipped.PrometheusName: n} }
	for _, test := range []struct {
		name      string
		threshold int
		want      []reduced
	}{
		{"threshold 0", 0, []reduced{nil, nil}},
		{"threshold 1", 1, []reduced{nil, nil}},
		{"threshold 2", 2, []reduced{skipped(7), skipped(0)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := newPool(t, tiering.Config{PrimaryChunks: 4, StoreThreshold: test.threshold})
			pool.RecordSkippedStores(7)
			pool.RecordSkippedStores(-1)
			for _, want := range test.want {
				mustEqual(t, "take", all(usage(0, 0, 0), want), reduce(pool.Take()))
			}
		})
	}
}

func TestCPUPoolWithBinder(t *testing.T) {
	var series stats.Payload
	pool := newPool(t, tiering.Config{PrimaryChunks: 4, StoreThreshold: 2}, connector.WithBinder(&series))
	skipped := reduced{vllm.StoresSkipped.PrometheusName: 0}
	mustEqual(t, "at the start", all(usage(0, 0, 0), skipped), reduce(series.Take()))
	pool.SetCounts(tiering.PoolCounts{Allocated: 2, WritePending: 1})
	pool.RecordAllocation(2)
	pool.RecordAllocation(0)
	pool.RecordAllocation(-1)
	mustEqual(t, "counts", all(usage(0.5, 0.25, 0.25), allocations(1, 2)), reduce(series.Take()))
	var dst stats.Payload
	if pool.Take() != nil || pool.TakeInto(&dst) {
		t.Error("a pool with a binder gave a payload")
	}
}

func TestCPUPoolTakeInto(t *testing.T) {
	pool := newPool(t, tiering.Config{PrimaryChunks: 4})
	pool.SetCounts(tiering.PoolCounts{Allocated: 1})
	var dst stats.Payload
	for range 2 {
		if !pool.TakeInto(&dst) {
			t.Error("TakeInto returned false")
		}
		mustEqual(t, "taken", usage(0.25, 0, 0.25), reduce(&dst))
	}
}

func TestNewCPUPoolErrors(t *testing.T) {
	var taken stats.Payload
	if err := taken.AddCounter(vllm.CPUCacheUsage.PrometheusName, stats.Int64(1)); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() (*tiering.CPUPool, error){
		"negative capacity": func() (*tiering.CPUPool, error) { return tiering.NewCPUPool(tiering.Config{PrimaryChunks: -1}) },
		"binder": func() (*tiering.CPUPool, error) {
			return tiering.NewCPUPool(tiering.Config{PrimaryChunks: 1}, connector.WithBinder(&taken))
		},
	} {
		if pool, err := make(); pool != nil || err == nil {
			t.Errorf("%s: NewCPUPool returned %v, %v, want an error", name, pool, err)
		}
	}
}
