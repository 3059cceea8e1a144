package connector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/requests"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// DefaultMaxRequests is the number of requests with a deferred lookup that a
// tracker remembers.
const DefaultMaxRequests = 16_384

// A Result is how a lookup of a request's cached blocks ended. The zero Result
// is none of them.
type Result uint8

// The results of a lookup.
const (
	// Resolved says that the number of cached blocks is known, also if it is 0.
	Resolved Result = iota + 1
	// Deferred says that it is not known yet: ask again.
	Deferred
)

// String returns resolved or deferred.
func (r Result) String() string {
	switch r {
	case Resolved:
		return "resolved"
	case Deferred:
		return "deferred"
	}
	return fmt.Sprintf("Result(%d)", uint8(r))
}

// An Option configures a [Tracker].
type Option interface {
	apply(*config)
}

type config struct {
	binder      stats.Binder
	clock       func() time.Time
	maxRequests int
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

// WithClock replaces [time.Now]. A delay that would be negative, because the
// clock went backwards, is taken as zero.
func WithClock(now func() time.Time) Option {
	return optionFunc(func(c *config) { c.clock = now })
}

// WithMaxRequests bounds the requests that wait for a lookup to resolve; see
// [DefaultMaxRequests]. Past it the least recently deferred request is
// forgotten, which loses its delay.
func WithMaxRequests(n int) Option {
	return optionFunc(func(c *config) { c.maxRequests = n })
}

// A Tracker records the lookups and failed allocations of one engine's
// connector. It is safe for concurrent use.
type Tracker struct {
	clock func() time.Time
	epoch time.Time

	mu                 sync.Mutex
	sink               *sink.Sink
	syncDelay          stats.Recorder[float64]
	asyncDelay         stats.Recorder[float64]
	allocationFailures stats.Adder[int64]

	deferred *requests.Table[deferral]
	rejected uint64
}

// A deferral is the start of a request's first lookup that was deferred.
type deferral struct{ start time.Duration }

// State is a snapshot of a tracker's own bookkeeping.
type State struct {
	// Deferred is the number of requests that wait for a lookup to resolve.
	Deferred int
	// Evicted is the number of requests that were forgotten to keep the bound.
	Evicted uint64
	// Rejected is the number of lookups that were ignored because their result
	// was none.
	Rejected uint64
}

// NewTracker returns a tracker. It returns an error if the bound is not positive
// or the binder does not have the connector's metrics.
func NewTracker(opts ...Option) (*Tracker, error) {
	c := config{maxRequests: DefaultMaxRequests}
	for _, o := range opts {
		o.apply(&c)
	}
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.maxRequests < 1 {
		return nil, fmt.Errorf("otelkv: connector: max requests is %d, expected at least 1", c.maxRequests)
	}
	s := sink.New(c.binder)
	t := &Tracker{
		clock:              c.clock,
		epoch:              c.clock(),
		sink:               s,
		syncDelay:          s.Histogram(vllm.LookupSyncDelay),
		asyncDelay:         s.Histogram(vllm.LookupAsyncDelay),
		allocationFailures: s.Int64Counter(vllm.AllocationFailure),
		deferred:           requests.NewTable[deferral](c.maxRequests, nil),
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// RecordLookup says that a lookup for a request ran, how it ended and how long
// the call took. A negative duration is taken as zero; a result that is none is
// ignored and counted in [State].
func (t *Tracker) RecordLookup(request string, result Result, duration time.Duration) {
	t.RecordLookupContext(context.Background(), request, result, duration)
}

// RecordLookupContext is [Tracker.RecordLookup] for a lookup whose delays can become
// exemplars of the span in the context. A payload has no exemplars.
func (t *Tracker) RecordLookupContext(ctx context.Context, request string, result Result, duration time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	duration = max(duration, 0)
	switch result {
	case Resolved:
		t.resolve(ctx, request)
	case Deferred:
		if t.deferred.Get(request) == nil {
			t.deferred.Add(request).start = t.now() - duration
		}
	default:
		t.rejected++
		return
	}
	sink.Record(ctx, t.syncDelay, duration.Seconds())
}

// RequestFinished says that a request is over. If a lookup of it was deferred
// and has not resolved since, its delay ends here. It does nothing for any other
// request.
func (t *Tracker) RequestFinished(request string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resolve(context.Background(), request)
}

func (t *Tracker) resolve(ctx context.Context, request string) {
	if d := t.deferred.Get(request); d != nil {
		sink.Record(ctx, t.asyncDelay, max(t.now()-d.start, 0).Seconds())
		t.deferred.Remove(request)
	}
}

// RecordAllocationFailure counts a store for which the offload tier had no room.
func (t *Tracker) RecordAllocationFailure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allocationFailures.Add(1)
}

// Take returns what was recorded since it was last called, nil if that is
// nothing, and always with [WithBinder]. The payload belongs to the caller.
func (t *Tracker) Take() *stats.Payload {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sink.Take()
}

// TakeInto is [Tracker.Take] into the memory of dst, which belongs to the
// caller. It reports whether there was anything to take.
func (t *Tracker) TakeInto(dst *stats.Payload) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sink.TakeInto(dst)
}

// State returns a snapshot of the tracker's bookkeeping, for a service that
// wants to see whether its requests finish.
func (t *Tracker) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return State{Deferred: t.deferred.Len(), Evicted: t.deferred.Evicted(), Rejected: t.rejected}
}

// now returns the time since the tracker was made.
func (t *Tracker) now() time.Duration { return t.clock().Sub(t.epoch) }
