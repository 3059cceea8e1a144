// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// PoolCounts are the chunks of a CPU pool, by what they are used for.
type PoolCounts struct {
	// Allocated chunks have been handed out at least once.
	Allocated int
	// Free chunks have been handed out and given back.
	Free int
	// Evictable chunks hold data that no transfer uses.
	Evictable int
	// WritePending chunks belong to stores that have not completed.
	WritePending int
}

// A CPUPool records how the pool of chunks in host memory is used, which is the
// cache of vLLM's CPU offloading and the primary tier of its tiered offloading.
// It is safe for concurrent use.
//
// Usage means pinned by transfers in flight, not resident: a pool full of cached
// chunks that nobody moves has usage 0.
type CPUPool struct {
	outlet
	chunks        int64
	counts        PoolCounts
	usage         stats.Recorder[float64]
	writeUsage    stats.Recorder[float64]
	readUsage     stats.Recorder[float64]
	allocation    stats.Recorder[float64]
	storesSkipped stats.Adder[int64] // nil below a store threshold of 2
}

// NewCPUPool returns a pool with room for the configuration's PrimaryChunks. Of the
// rest it takes the StoreThreshold only.
func NewCPUPool(config Config, opts ...connector.Option) (*CPUPool, error) {
	options := sink.NewConfig(opts)
	if _, err := config.labels(options); err != nil {
		return nil, err
	}
	s := sink.New(options.Binder)
	p := &CPUPool{
		outlet:     outlet{sink: s},
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
	p.gauges = p.record
	p.record()
	return p, nil
}

// SetCounts says how the chunks are used now.
func (p *CPUPool) SetCounts(counts PoolCounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = counts
	p.recordUsage()
}

// RecordAllocation says that a store asks for so many chunks, after those that
// the pool holds already were taken out, and before any is evicted for it or
// allocated, so that attempts that will not get them count too. It records
// nothing if there is nothing left to store.
func (p *CPUPool) RecordAllocation(chunks int) {
	if chunks <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allocation.Record(float64(chunks))
}

// RecordSkippedStores says that so many keys were not stored because they had
// not been asked for often enough. It does nothing without a store threshold of
// 2 or more, or if there are none.
func (p *CPUPool) RecordSkippedStores(keys int) {
	if p.storesSkipped == nil || keys <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.storesSkipped.Add(int64(keys))
}

// record records what every payload holds: the gauges, and the skipped stores
// even if there were none.
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

// fraction returns the part of the whole, 0 if there is no whole or the part is
// negative.
func fraction(part, whole int64) float64 {
	if part <= 0 || whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
