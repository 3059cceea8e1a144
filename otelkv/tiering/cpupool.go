// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// PoolCounts are the chunks of a CPU pool, by what they are used for.
type PoolCounts struct {
	// Allocated chunks have been handed out at least once.
	Allocated int
	// Free chunks have been handed out and returned.
	Free int
	// Evictable chunks hold data that no transfer uses.
	Evictable int
	// WritePending chunks belong to stores that have not completed.
	WritePending int
}

// A CPUPool records how the pool of chunks in host memory is used. The pool is the cache of
// vLLM's CPU offloading, and the primary tier of its tiered offloading. It is safe for
// concurrent use.
//
// Usage is the fraction of chunks pinned by transfers in progress, not how full the pool
// is. A pool full of cached chunks without transfers has usage 0.
type CPUPool struct {
	outlet
	mu            sync.Mutex // guards what follows
	chunks        int64
	counts        PoolCounts
	usage         stats.Recorder[float64]
	writeUsage    stats.Recorder[float64]
	readUsage     stats.Recorder[float64]
	allocation    stats.Recorder[float64]
	storesSkipped stats.Adder[int64] // nil below a store threshold of 2
}

// NewCPUPool returns a pool with room for the configuration's PrimaryChunks. It also uses
// the StoreThreshold, and nothing else of the configuration.
func NewCPUPool(config Config, opts ...connector.Option) (*CPUPool, error) {
	if _, err := config.labels(); err != nil {
		return nil, err
	}
	s := sink.New(sink.NewConfig(opts).Binder)
	p := &CPUPool{
		chunks:     int64(config.PrimaryChunks),
		usage:      s.Float64Gauge(vllm.CPUCacheUsage),
		writeUsage: s.Float64Gauge(vllm.CPUCacheWriteUsage),
		readUsage:  s.Float64Gauge(vllm.CPUCacheReadUsage),
		allocation: s.Histogram(vllm.CPUAllocationSize),
	}
	if config.StoreThreshold >= 2 {
		p.storesSkipped = s.Int64Counter(vllm.StoresSkipped)
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	p.outlet = outlet{sink.NewOutlet(&p.mu, s, p.record)}
	p.record()
	return p, nil
}

// SetCounts sets how the chunks are used now.
func (p *CPUPool) SetCounts(counts PoolCounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = counts
	p.recordUsage()
}

// RecordAllocation records that a store asks for so many chunks, without those that the
// pool has already. Call it before chunks are evicted or allocated, so that an attempt
// that fails counts too. It records nothing if there is nothing left to store.
func (p *CPUPool) RecordAllocation(chunks int) {
	if chunks <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allocation.Record(float64(chunks))
}

// RecordSkippedStores counts keys that were not stored because they had not been asked for
// often enough. It does nothing without a store threshold of 2 or more, or if there are no
// keys.
func (p *CPUPool) RecordSkippedStores(keys int) {
	if p.storesSkipped == nil || keys <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.storesSkipped.Add(int64(keys))
}

// record records what every payload has: the gauges, and the skipped stores even if there
// were none.
func (p *CPUPool) record() {
	p.recordUsage()
	if p.storesSkipped != nil {
		p.storesSkipped.Add(0)
	}
}

func (p *CPUPool) recordUsage() {
	c := p.counts
	usage := fraction(int64(c.Allocated)-int64(c.Free)-int64(c.Evictable), p.chunks)
	write := fraction(int64(c.WritePending), p.chunks)
	p.usage.Record(usage)
	p.writeUsage.Record(write)
	p.readUsage.Record(max(usage-write, 0))
}

// fraction returns a part of a whole, and 0 if there is no whole or the part is negative.
func fraction(part, whole int64) float64 {
	if part <= 0 || whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
