// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// SimpleCPUInfo has the facts of a deployment.
type SimpleCPUInfo struct {
	// Disk says that the pool's blocks are on disk, and not in host memory.
	Disk bool
	// PageCache says that a pool on disk reads and writes through the page cache. It is
	// ignored for a pool in host memory.
	PageCache bool
	// LazyOffload says that blocks are stored when the GPU evicts them, and not when they
	// are computed.
	LazyOffload bool
	// CapacityBlocks is the number of blocks of the pool.
	CapacityBlocks int
}

// labelValues returns the values in the order of the metric's label names.
func (i SimpleCPUInfo) labelValues() []string {
	backend := "cpu"
	if i.Disk {
		backend = "disk"
	}
	return []string{
		backend,
		strconv.FormatBool(i.PageCache && i.Disk),
		strconv.FormatBool(i.LazyOffload),
		strconv.Itoa(i.CapacityBlocks),
	}
}

// SimpleCPUBlocks are the counts of a pool's blocks.
type SimpleCPUBlocks struct {
	// Free blocks can be taken by a store. Cached blocks that can be evicted are free.
	Free int
	// Queued blocks belong to stores that wait, and Issued ones to stores in progress. A
	// reset has given up on the stores of Abandoned blocks, which are still in progress.
	Queued, Issued, Abandoned int
}

// SimpleCPUOutcomes are totals of what was decided about stores in eager mode, since
// their source started. Stores in lazy mode are not classified.
type SimpleCPUOutcomes struct {
	// Stored is the number of stores that were accepted.
	Stored int64
	// DroppedCPUFull is the number that found no room in the pool.
	DroppedCPUFull int64
	// DroppedRequestGone is the number whose request had ended.
	DroppedRequestGone int64
	// DroppedNullBlock is the number for the null block, which holds no data.
	DroppedNullBlock int64
	// DroppedNotHashed is the number for blocks that have no hash.
	DroppedNotHashed int64
	// SkippedAlreadyCached is the number for blocks that the pool has already.
	SkippedAlreadyCached int64
	// SkippedInFlight is the number for blocks that are being stored.
	SkippedInFlight int64
}

// values returns the fields in the order of the metric's label values.
func (o SimpleCPUOutcomes) values() [7]int64 {
	return [...]int64{o.Stored, o.DroppedCPUFull, o.DroppedRequestGone, o.DroppedNullBlock,
		o.DroppedNotHashed, o.SkippedAlreadyCached, o.SkippedInFlight}
}

// A SimpleCPU records the metrics vllm:simple_kv_offload_* of one engine: what was decided
// about each store, the blocks loaded, the blocks used and pending, and the deployment's
// facts (catalogue vllm.SimpleCPUSpec). Copies are not timed. vLLM's log line leaves the
// facts out, as [stats.Payload.Reduce] does. It is safe for concurrent use.
//
// It does not read the pool. The service sets the counts as often as it likes; once before
// each Take is enough.
type SimpleCPU struct {
	outlet
	mu                  sync.Mutex // guards what follows
	capacity            int
	outcomes            [7]stats.Adder[int64]
	totals              SimpleCPUOutcomes
	loadBlocks          stats.Adder[int64]
	used, pending, info stats.Recorder[int64]
	blocks              SimpleCPUBlocks
}

// NewSimpleCPU returns a tracker for a pool whose blocks are all free. It returns an error
// if the capacity is negative or the binder does not have the metrics.
func NewSimpleCPU(info SimpleCPUInfo, opts ...Option) (*SimpleCPU, error) {
	if info.CapacityBlocks < 0 {
		return nil, fmt.Errorf("otelkv: metric %q: label capacity_blocks is %d, expected at least 0",
			vllm.SimpleInfo.PrometheusName, info.CapacityBlocks)
	}
	s := sink.New(sink.NewConfig(opts).Binder)
	t := &SimpleCPU{
		capacity:   info.CapacityBlocks,
		loadBlocks: s.Int64Counter(vllm.SimpleLoadBlocks),
		used:       s.Int64Gauge(vllm.SimpleUsedBlocks),
		pending:    s.Int64Gauge(vllm.SimplePendingStoreBlocks),
		info:       s.Int64Gauge(vllm.SimpleInfo, info.labelValues()...),
		blocks:     SimpleCPUBlocks{Free: info.CapacityBlocks},
	}
	for i, label := range vllm.SimpleSaveOutcomes.LabelValues["outcome"] {
		t.outcomes[i] = s.Int64Counter(vllm.SimpleSaveOutcomes, label)
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	t.outlet = outlet{sink.NewOutlet(&t.mu, s, t.recordGauges)}
	t.recordGauges()
	return t, nil
}

// SetBlocks sets how the pool's blocks are used now. Blocks in use are the capacity
// without the free ones. Pending blocks are those of all stores.
func (t *SimpleCPU) SetBlocks(blocks SimpleCPUBlocks) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocks = blocks
	t.recordGauges()
}

// RecordLoad records that a load of so many blocks to the GPU finished, even if a reset
// had abandoned it. It does nothing if there are none.
func (t *SimpleCPU) RecordLoad(blocks int) {
	if blocks <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loadBlocks.Add(int64(blocks))
}

// ObserveOutcomes gives the current totals, and counts what they grew by since the last
// call. An outcome that did not grow leaves nothing in the payload. If a total is lower
// than before, its source restarted, and all of it is counted. A negative total is taken
// as zero.
func (t *SimpleCPU) ObserveOutcomes(totals SimpleCPUOutcomes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.totals.values()
	for i, total := range totals.values() {
		delta := total - max(before[i], 0)
		if delta < 0 {
			delta = total
		}
		if delta > 0 {
			t.outcomes[i].Add(delta)
		}
	}
	t.totals = totals
}

// ResetOutcomes says that the source's totals start again at zero. What was counted and
// not yet taken stays. Call [SimpleCPU.ObserveOutcomes] before the source forgets its
// totals, or what it counted since the last call is lost.
func (t *SimpleCPU) ResetOutcomes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.totals = SimpleCPUOutcomes{}
}

func (t *SimpleCPU) recordGauges() {
	b := t.blocks
	t.used.Record(max(int64(t.capacity)-int64(b.Free), 0))
	t.pending.Record(max(int64(b.Queued)+int64(b.Issued)+int64(b.Abandoned), 0))
	t.info.Record(1)
}
