package simplecpu

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// An Option configures a [Tracker] or a [Pool].
type Option interface {
	apply(*config)
}

type config struct{ binder stats.Binder }

type optionFunc func(*config)

func (o optionFunc) apply(c *config) { o(c) }

// WithBinder records straight to the series of an engine, which the recorder's
// Engine.Binder gives, or of anything else that binds them, instead of filling
// payloads: Take then returns nil, and gauges are recorded when they are set. The
// binder's series must be safe for concurrent use if they are shared with others.
// A nil binder is as if the option had not been given.
func WithBinder(binder stats.Binder) Option {
	return optionFunc(func(c *config) { c.binder = binder })
}

func newSink(opts []Option) *sink.Sink {
	var c config
	for _, o := range opts {
		o.apply(&c)
	}
	return sink.New(c.binder)
}

// A Backend is where the pool's blocks are.
type Backend string

// The backends of a pool.
const (
	CPU  Backend = "cpu"
	Disk Backend = "disk"
)

// Info holds the facts of a deployment.
type Info struct {
	// Backend is where the blocks are.
	Backend Backend
	// PageCache tells that a disk backend reads and writes through the page
	// cache. A CPU backend has none, whatever this says.
	PageCache bool
	// LazyOffload tells that blocks are stored when the GPU evicts them, rather
	// than when they are computed.
	LazyOffload bool
	// CapacityBlocks is the number of blocks of the pool.
	CapacityBlocks int
}

func (i Info) validate() error {
	var errs []error
	if i.Backend != CPU && i.Backend != Disk {
		errs = append(errs, fmt.Errorf("otelkv: metric %q: label backend is %q, expected %q or %q",
			vllm.SimpleInfo.PrometheusName, string(i.Backend), CPU, Disk))
	}
	if i.CapacityBlocks < 0 {
		errs = append(errs, fmt.Errorf("otelkv: metric %q: label capacity_blocks is %d, expected at least 0",
			vllm.SimpleInfo.PrometheusName, i.CapacityBlocks))
	}
	return errors.Join(errs...)
}

// labelValues returns the values in the order of the metric's label names.
func (i Info) labelValues() []string {
	return []string{
		string(i.Backend),
		strconv.FormatBool(i.PageCache && i.Backend == Disk),
		strconv.FormatBool(i.LazyOffload),
		strconv.Itoa(i.CapacityBlocks),
	}
}

// Blocks are the counts of a pool's blocks.
type Blocks struct {
	// Free blocks can be taken by a store, evictable cached ones among them.
	Free int
	// Queued, Issued and Abandoned are the blocks of stores that wait, that are
	// under way, and that a reset gave up on but that are still under way.
	Queued, Issued, Abandoned int
}

// A Tracker records the family vllm:simple_kv_offload_* of one engine. It is
// safe for concurrent use.
type Tracker struct {
	capacity int

	mu         sync.Mutex
	sink       *sink.Sink
	outcomes   [outcomeCount]stats.Adder[int64]
	totals     Outcomes
	loadBlocks stats.Adder[int64]
	used       stats.Recorder[int64]
	pending    stats.Recorder[int64]
	info       stats.Recorder[int64]
	blocks     Blocks
}

// NewTracker returns a tracker for a pool of which all blocks are free. It
// returns an error if the facts make no sense or the binder does not have the
// metrics.
func NewTracker(info Info, opts ...Option) (*Tracker, error) {
	if err := info.validate(); err != nil {
		return nil, err
	}
	s := newSink(opts)
	t := &Tracker{
		capacity:   info.CapacityBlocks,
		sink:       s,
		loadBlocks: s.Int64Counter(vllm.SimpleLoadBlocks),
		used:       s.Int64Gauge(vllm.SimpleUsedBlocks),
		pending:    s.Int64Gauge(vllm.SimplePendingStoreBlocks),
		info:       s.Int64Gauge(vllm.SimpleInfo, info.labelValues()...),
		blocks:     Blocks{Free: info.CapacityBlocks},
	}
	for i, label := range outcomeLabels() {
		t.outcomes[i] = s.Int64Counter(vllm.SimpleSaveOutcomes, label)
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	t.recordGauges()
	return t, nil
}

// SetBlocks says how the pool's blocks are used now. Blocks in use are those of
// the capacity that are not free, and pending ones are the sum of the stores'.
func (t *Tracker) SetBlocks(blocks Blocks) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocks = blocks
	t.recordGauges()
}

// RecordLoad says that a load of so many blocks to the GPU finished, also if a
// reset had abandoned it. It does nothing if there are none.
func (t *Tracker) RecordLoad(blocks int) {
	if blocks <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loadBlocks.Add(int64(blocks))
}

// Take returns what happened since it was last called, with the gauges and the
// info as they are now. The payload belongs to the caller. Take returns nil only
// with [WithBinder].
func (t *Tracker) Take() *stats.Payload {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recordGauges()
	return t.sink.Take()
}

// TakeInto is [Tracker.Take] into the memory of dst, which belongs to the
// caller. It reports whether there was anything to take.
func (t *Tracker) TakeInto(dst *stats.Payload) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recordGauges()
	return t.sink.TakeInto(dst)
}

func (t *Tracker) recordGauges() {
	b := t.blocks
	t.used.Record(max(int64(t.capacity)-int64(b.Free), 0))
	t.pending.Record(max(int64(b.Queued)+int64(b.Issued)+int64(b.Abandoned), 0))
	t.info.Record(1)
}
