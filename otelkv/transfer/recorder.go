package transfer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A Direction tells where a copy goes. The zero Direction is none, and copies
// in it record nothing.
type Direction uint8

// The directions of a copy.
const (
	// Load copies from the offload tier to the GPU.
	Load Direction = iota + 1
	// Store copies from the GPU to the offload tier.
	Store
)

// String returns load or store.
func (d Direction) String() string {
	switch d {
	case Load:
		return "load"
	case Store:
		return "store"
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// An Option configures a [Recorder].
type Option interface {
	apply(*config)
}

type config struct {
	binder stats.Binder
	clock  func() time.Time
}

type optionFunc func(*config)

func (o optionFunc) apply(c *config) { o(c) }

// WithBinder records straight to the series of an engine, which the recorder's
// Engine.Binder gives, or of anything else that binds them, instead of filling
// payloads: Take then returns nil. The binder's series must be safe for
// concurrent use if they are shared with others. A nil binder is as if the option
// had not been given.
func WithBinder(binder stats.Binder) Option {
	return optionFunc(func(c *config) { c.binder = binder })
}

// WithClock replaces [time.Now] for timers.
func WithClock(now func() time.Time) Option {
	return optionFunc(func(c *config) { c.clock = now })
}

// A Recorder records copies. It is safe for concurrent use.
type Recorder struct {
	clock  func() time.Time
	timers pool[time.Time]

	mu          sync.Mutex
	sink        *sink.Sink
	load, store series
}

// series are those of one direction.
type series struct {
	bytes   stats.Adder[int64]
	seconds stats.Adder[float64]
	size    stats.Recorder[float64]
}

// NewRecorder returns a recorder of one worker's copies, or of several. It
// returns an error if the binder does not have the transfer metrics.
func NewRecorder(opts ...Option) (*Recorder, error) {
	var c config
	for _, o := range opts {
		o.apply(&c)
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	s := sink.New(c.binder)
	r := &Recorder{
		clock:  c.clock,
		timers: pool[time.Time]{make: func() time.Time { return time.Time{} }},
		sink:   s,
		load: series{
			bytes:   s.Int64Counter(vllm.LoadBytes),
			seconds: s.Float64Counter(vllm.LoadTime),
			size:    s.Histogram(vllm.LoadSize),
		},
		store: series{
			bytes:   s.Int64Counter(vllm.StoreBytes),
			seconds: s.Float64Counter(vllm.StoreTime),
			size:    s.Histogram(vllm.StoreSize),
		},
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	r.timers.fill(poolSize)
	return r, nil
}

// Record records one copy that was measured elsewhere. A copy of no bytes
// records nothing; a negative time is taken as zero.
func (r *Recorder) Record(d Direction, bytes int64, elapsed time.Duration) {
	r.RecordContext(context.Background(), d, bytes, elapsed)
}

// RecordContext is [Recorder.Record] for a copy whose bytes and time can become
// exemplars of the span in the context. A payload has no exemplars.
func (r *Recorder) RecordContext(ctx context.Context, d Direction, bytes int64, elapsed time.Duration) {
	s := r.series(d)
	if bytes <= 0 || s == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	sink.Add(ctx, s.bytes, bytes)
	sink.Add(ctx, s.seconds, max(elapsed, 0).Seconds())
	sink.Record(ctx, s.size, float64(bytes))
}

func (r *Recorder) series(d Direction) *series {
	switch d {
	case Load:
		return &r.load
	case Store:
		return &r.store
	}
	return nil
}

// Take returns the copies recorded since it was last called, nil if there were
// none, and always with [WithBinder]. The payload belongs to the caller.
func (r *Recorder) Take() *stats.Payload {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sink.Take()
}

// TakeInto is [Recorder.Take] into the memory of dst, which belongs to the
// caller. It reports whether there was anything to take.
func (r *Recorder) TakeInto(dst *stats.Payload) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sink.TakeInto(dst)
}
