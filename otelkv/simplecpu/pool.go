package simplecpu

import (
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// PoolCounts are the counts of a pool and of what is under way.
type PoolCounts struct {
	// Total is the number of blocks that can hold data, the null block left out.
	Total int
	// Free is the number of them that a store can take.
	Free int
	// PendingLoads is the number of requests with a load that has not finished,
	// those that a reset abandoned among them.
	PendingLoads int
	// PendingStores is the number of store events in flight.
	PendingStores int
}

// A Pool records the gauges vllm:simple_cpu_offload_* of one engine. It is safe
// for concurrent use.
type Pool struct {
	mu            sync.Mutex
	sink          *sink.Sink
	counts        PoolCounts
	total         stats.Recorder[int64]
	free          stats.Recorder[int64]
	used          stats.Recorder[int64]
	usage         stats.Recorder[float64]
	pendingLoads  stats.Recorder[int64]
	pendingStores stats.Recorder[int64]
}

// NewPool returns a pool with the given counts. It returns an error if the
// binder does not have the metrics.
func NewPool(counts PoolCounts, opts ...Option) (*Pool, error) {
	s := newSink(opts)
	p := &Pool{
		sink:          s,
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
	p.recordGauges()
	return p, nil
}

// SetCounts says what the counts are now. Used blocks are those that are not
// free; their fraction of the total is 0 for a pool without blocks.
func (p *Pool) SetCounts(counts PoolCounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = counts
	p.recordGauges()
}

// Take returns the gauges as they are now. The payload belongs to the caller.
// Take returns nil only with [WithBinder].
func (p *Pool) Take() *stats.Payload {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recordGauges()
	return p.sink.Take()
}

// TakeInto is [Pool.Take] into the memory of dst, which belongs to the caller.
// It reports whether there was anything to take.
func (p *Pool) TakeInto(dst *stats.Payload) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recordGauges()
	return p.sink.TakeInto(dst)
}

func (p *Pool) recordGauges() {
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
