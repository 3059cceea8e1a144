// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// SimpleCPUPoolCounts are the counts of a pool, and of its transfers in progress.
type SimpleCPUPoolCounts struct {
	// Total is the number of blocks that can hold data, without the null block.
	Total int
	// Free is the number of them that a store can take.
	Free int
	// PendingLoads is the number of requests with a load that has not finished. It
	// includes those that a reset abandoned.
	PendingLoads int
	// PendingStores is the number of store events in progress.
	PendingStores int
}

// A SimpleCPUPool records the gauges vllm:simple_cpu_offload_* of one engine (catalogue
// vllm.SimpleCPUPoolSpec). Use [Transfers] for its copies. It is safe for concurrent use.
type SimpleCPUPool struct {
	outlet
	mu                                             sync.Mutex // guards what follows
	counts                                         SimpleCPUPoolCounts
	total, free, used, pendingLoads, pendingStores stats.Recorder[int64]
	usage                                          stats.Recorder[float64]
}

// NewSimpleCPUPool returns a pool with the given counts. It returns an error if the binder
// does not have the metrics.
func NewSimpleCPUPool(counts SimpleCPUPoolCounts, opts ...Option) (*SimpleCPUPool, error) {
	s := sink.New(sink.NewConfig(opts).Binder)
	p := &SimpleCPUPool{
		counts:        counts,
		total:         s.Int64Gauge(vllm.PoolTotalBlocks),
		free:          s.Int64Gauge(vllm.PoolFreeBlocks),
		used:          s.Int64Gauge(vllm.PoolUsedBlocks),
		usage:         s.Float64Gauge(vllm.PoolUsage),
		pendingLoads:  s.Int64Gauge(vllm.PoolPendingLoads),
		pendingStores: s.Int64Gauge(vllm.PoolPendingStores),
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	p.outlet = outlet{sink.NewOutlet(&p.mu, s, p.recordGauges)}
	p.recordGauges()
	return p, nil
}

// SetCounts sets the current counts. Used blocks are those that are not free. Their
// fraction of the total is 0 for a pool without blocks.
func (p *SimpleCPUPool) SetCounts(counts SimpleCPUPoolCounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = counts
	p.recordGauges()
}

func (p *SimpleCPUPool) recordGauges() {
	c := p.counts
	used := max(int64(c.Total)-int64(c.Free), 0)
	usage := 0.0
	if c.Total > 0 {
		usage = float64(used) / float64(c.Total)
	}
	p.total.Record(int64(c.Total))
	p.free.Record(int64(c.Free))
	p.used.Record(used)
	p.usage.Record(usage)
	p.pendingLoads.Record(int64(c.PendingLoads))
	p.pendingStores.Record(int64(c.PendingStores))
}
