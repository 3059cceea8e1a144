// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const (
	chunk      = 2 << 20  // bytes
	block      = 16       // tokens
	blocks     = 4        // per chunk
	gpuBlocks  = 1 << 14  // per engine
	bandwidth  = 20 << 30 // bytes per second between the GPU and the primary tier
	slowdown   = 10       // how much slower a secondary tier is
	maxChunks  = 64       // per request
	primaryHit = 0.6      // hit rate of the primary tier
	tierHit    = 0.3      // hit rate of each secondary tier
)

// catalogue returns the simulated metrics: those of vLLM's tiered offloading, and those of
// its scheduler for any connector and for routers.
func catalogue() (*schema.Catalogue, error) {
	return vllm.TieringSpec().With(slices.Concat(vllm.Scheduler(), vllm.ExternalPrefixCache())...)
}

// A load is the generated work of one engine.
type load struct {
	random *rand.Rand

	running, waiting      otelkv.Int64Gauge
	gpuUsage              otelkv.Float64Gauge
	askedTokens           otelkv.Int64Counter
	foundTokens           otelkv.Int64Counter
	loadBytes, storeBytes otelkv.Int64Counter
	loadTime, storeTime   otelkv.Float64Counter
	loadSize, storeSize   otelkv.Histogram
	lookupDelay           otelkv.Histogram
	allocation            otelkv.Histogram
	usage, read, write    otelkv.Float64Gauge
	primary               tier
	tiers                 []tier
}

// A tier has the series of one tier. The primary tier only has lookups.
type tier struct {
	queries, hits         otelkv.Int64Counter
	delay                 otelkv.Histogram
	readBytes, writeBytes otelkv.Int64Counter
	readTime, writeTime   otelkv.Float64Counter
}

// A binder binds series of one engine and collects errors.
type binder struct {
	engine *otelkv.Engine
	errs   []error
}

func (b *binder) counter(m schema.Int64Counter, labelValues ...string) otelkv.Int64Counter {
	c, err := b.engine.Int64Counter(m, labelValues...)
	b.errs = append(b.errs, err)
	return c
}

func (b *binder) seconds(m schema.Float64Counter, labelValues ...string) otelkv.Float64Counter {
	c, err := b.engine.Float64Counter(m, labelValues...)
	b.errs = append(b.errs, err)
	return c
}

func (b *binder) histogram(m schema.Histogram, labelValues ...string) otelkv.Histogram {
	h, err := b.engine.Histogram(m, labelValues...)
	b.errs = append(b.errs, err)
	return h
}

func (b *binder) whole(m schema.Int64Gauge, labelValues ...string) otelkv.Int64Gauge {
	g, err := b.engine.Int64Gauge(m, labelValues...)
	b.errs = append(b.errs, err)
	return g
}

func (b *binder) gauge(m schema.Float64Gauge) otelkv.Float64Gauge {
	g, err := b.engine.Float64Gauge(m)
	b.errs = append(b.errs, err)
	return g
}

func (b *binder) primary() tier {
	return tier{
		queries: b.counter(vllm.TieringChunkQueries, otelkv.PrimaryTier),
		hits:    b.counter(vllm.TieringChunkHits, otelkv.PrimaryTier),
		delay:   b.histogram(vllm.TieringLookupSyncDelay, otelkv.PrimaryTier),
	}
}

func (b *binder) secondary(label string) tier {
	return tier{
		queries:    b.counter(vllm.TieringChunkQueries, label),
		hits:       b.counter(vllm.TieringChunkHits, label),
		delay:      b.histogram(vllm.TieringLookupSyncDelay, label),
		readBytes:  b.counter(vllm.TieringReadBytes, label),
		writeBytes: b.counter(vllm.TieringWriteBytes, label),
		readTime:   b.seconds(vllm.TieringReadTime, label),
		writeTime:  b.seconds(vllm.TieringWriteTime, label),
	}
}

func newLoad(engine *otelkv.Engine, seed uint64) (*load, error) {
	b := &binder{engine: engine}
	l := &load{
		random:      rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // The load is the same in each run.
		running:     b.whole(vllm.RequestsRunning),
		waiting:     b.whole(vllm.RequestsWaiting),
		gpuUsage:    b.gauge(vllm.KVCacheUsage),
		askedTokens: b.counter(vllm.ExternalPrefixCacheQueries),
		foundTokens: b.counter(vllm.ExternalPrefixCacheHits),
		loadBytes:   b.counter(vllm.LoadBytes),
		storeBytes:  b.counter(vllm.StoreBytes),
		loadTime:    b.seconds(vllm.LoadTime),
		storeTime:   b.seconds(vllm.StoreTime),
		loadSize:    b.histogram(vllm.LoadSize),
		storeSize:   b.histogram(vllm.StoreSize),
		lookupDelay: b.histogram(vllm.LookupSyncDelay),
		allocation:  b.histogram(vllm.CPUAllocationSize),
		usage:       b.gauge(vllm.CPUCacheUsage),
		read:        b.gauge(vllm.CPUCacheReadUsage),
		write:       b.gauge(vllm.CPUCacheWriteUsage),
		primary:     b.primary(),
	}
	b.whole(vllm.CacheConfigInfo, strconv.Itoa(block), strconv.Itoa(gpuBlocks), "None", "native", "4.0").Record(1)
	for _, label := range engine.Tiers()[1:] {
		l.tiers = append(l.tiers, b.secondary(label))
	}
	return l, errors.Join(b.errs...)
}

// step is one request. Its chunks are looked up tier by tier. Chunks that are found are
// loaded, and the others are computed, stored and cascaded.
func (l *load) step() {
	chunks := 1 + l.random.Int64N(maxChunks)
	var loaded int64
	for range chunks {
		if l.lookUp() {
			loaded++
		}
	}
	stored := chunks - loaded
	l.running.Record(1 + l.random.Int64N(8))
	l.waiting.Record(l.random.Int64N(4))
	l.gpuUsage.Record(float64(chunks) * blocks / gpuBlocks)
	l.askedTokens.Add(chunks * blocks * block)
	l.foundTokens.Add(loaded * blocks * block)
	l.lookupDelay.Record(l.random.ExpFloat64() * 1e-3)
	l.transfer(loaded, l.loadBytes, l.loadTime, l.loadSize)
	l.transfer(stored, l.storeBytes, l.storeTime, l.storeSize)
	l.read.Record(float64(loaded) / maxChunks)
	l.write.Record(float64(stored) / maxChunks)
	l.usage.Record(float64(chunks) / maxChunks)
	if stored == 0 {
		return
	}
	l.allocation.Record(float64(stored))
	for _, t := range l.tiers {
		t.writeBytes.Add(stored * chunk)
		t.writeTime.Add(slowdown * float64(stored) * chunk / bandwidth)
	}
}

// lookUp reports whether a chunk is in any tier.
func (l *load) lookUp() bool {
	if l.primary.lookUp(l.random, primaryHit) {
		return true
	}
	for _, t := range l.tiers {
		if t.lookUp(l.random, tierHit) {
			t.readBytes.Add(chunk)
			t.readTime.Add(slowdown * chunk / float64(bandwidth))
			return true
		}
	}
	return false
}

func (t tier) lookUp(random *rand.Rand, hit float64) bool {
	t.queries.Add(1)
	t.delay.Record(random.ExpFloat64() * 1e-4)
	if random.Float64() >= hit {
		return false
	}
	t.hits.Add(1)
	return true
}

func (l *load) transfer(chunks int64, bytes otelkv.Int64Counter, seconds otelkv.Float64Counter, size otelkv.Histogram) {
	if chunks == 0 {
		return
	}
	bytes.Add(chunks * chunk)
	seconds.Add(float64(chunks) * chunk / bandwidth)
	size.Record(float64(chunks) * chunk)
}
