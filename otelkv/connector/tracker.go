// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"context"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/requests"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A Tracker records the lookups and failed allocations of one engine's connector. It is
// safe for concurrent use.
//
// Each lookup that runs has a synchronous delay, which is its own duration. A lookup may
// be deferred: the request asks again. The asynchronous delay runs from the start of the
// first deferred lookup until a later one resolves, or until the request finishes. A
// request can have several. Do not record a lookup that does not run, because transfers of
// its request are in progress or the request does not read the cache. Package tiering
// records the delays of each tier and chunk.
//
// A tracker remembers 65,536 requests. Past that it forgets the least recently used one,
// whose deferred lookup then has no delay.
type Tracker struct {
	outlet
	mu    sync.Mutex // guards what follows
	clock func() time.Time
	epoch time.Time

	syncDelay, asyncDelay stats.Recorder[float64]
	allocationFailures    stats.Adder[int64]

	deferred *requests.Table[time.Duration] // when a request's first lookup was deferred
}

// State is a snapshot of a tracker's own bookkeeping.
type State struct {
	// Deferred is the number of requests that wait for a lookup to resolve.
	Deferred int
	// Evicted is the number of requests that were forgotten because there were too many.
	Evicted uint64
}

// NewTracker returns a tracker. It returns an error if the binder does not have the
// connector's metrics.
func NewTracker(opts ...Option) (*Tracker, error) {
	c := sink.NewConfig(opts)
	s := sink.New(c.Binder)
	t := &Tracker{
		clock:              c.Clock,
		epoch:              c.Clock(),
		syncDelay:          s.Histogram(vllm.LookupSyncDelay),
		asyncDelay:         s.Histogram(vllm.LookupAsyncDelay),
		allocationFailures: s.Int64Counter(vllm.AllocationFailure),
		deferred:           requests.NewTable[time.Duration](c.MaxRequests, nil),
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	t.outlet = outlet{sink.NewOutlet(&t.mu, s, nil)}
	return t, nil
}

// RecordLookup records that a lookup for a request ran, and how long the call took. The
// lookup is resolved if the number of cached blocks is known, even if that is 0. Otherwise
// it is deferred: the request asks again. A negative duration is taken as zero.
func (t *Tracker) RecordLookup(request string, resolved bool, duration time.Duration) {
	t.RecordLookupContext(context.Background(), request, resolved, duration)
}

// RecordLookupContext is [Tracker.RecordLookup] for a lookup whose delays can become
// exemplars of the span in the context. A payload has no exemplars.
func (t *Tracker) RecordLookupContext(ctx context.Context, request string, resolved bool, duration time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	duration = max(duration, 0)
	if resolved {
		t.resolve(ctx, request)
	} else if t.deferred.Get(request) == nil {
		*t.deferred.Add(request) = t.now() - duration
	}
	sink.Record(ctx, t.syncDelay, duration.Seconds())
}

// RequestFinished says that a request is over. If a lookup of it was deferred and has not
// resolved since, its delay ends here. It does nothing for any other request.
func (t *Tracker) RequestFinished(request string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resolve(context.Background(), request)
}

func (t *Tracker) resolve(ctx context.Context, request string) {
	if start := t.deferred.Get(request); start != nil {
		sink.Record(ctx, t.asyncDelay, max(t.now()-*start, 0).Seconds())
		t.deferred.Remove(request)
	}
}

// RecordAllocationFailure counts a store that found no room in the offload tier.
func (t *Tracker) RecordAllocationFailure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allocationFailures.Add(1)
}

// State returns a snapshot of the tracker's bookkeeping. A service can check with it that
// its requests finish.
func (t *Tracker) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return State{Deferred: t.deferred.Len(), Evicted: t.deferred.Evicted()}
}

// now returns the time since the tracker was created.
func (t *Tracker) now() time.Duration { return t.clock().Sub(t.epoch) }
