// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/requests"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A Tracker records the lookups and failed allocations of one engine's
// connector. It is safe for concurrent use.
//
// Each lookup that runs leaves a synchronous delay, its own duration. A lookup may
// answer "ask again"; from the start of the first one that does until a later one
// resolves, or the request finishes, is the asynchronous delay, and a request can
// have several. A lookup that does not run, because transfers of its request are in
// flight or the request does not read the cache, is not recorded at all. Delays by
// tier and chunk are another matter; see package tiering.
type Tracker struct {
	outlet
	clock func() time.Time
	epoch time.Time

	syncDelay, asyncDelay stats.Recorder[float64]
	allocationFailures    stats.Adder[int64]

	deferred *requests.Table[time.Duration] // when the first lookup of a request was deferred
}

// State is a snapshot of a tracker's own bookkeeping.
type State struct {
	// Deferred is the number of requests that wait for a lookup to resolve.
	Deferred int
	// Evicted is the number of requests that were forgotten to keep the bound.
	Evicted uint64
}

// NewTracker returns a tracker. It returns an error if the bound is not positive
// or the binder does not have the connector's metrics.
func NewTracker(opts ...Option) (*Tracker, error) {
	c := sink.NewConfig(opts)
	if c.MaxRequests < 1 {
		return nil, fmt.Errorf("otelkv: connector: max requests is %d, expected at least 1", c.MaxRequests)
	}
	s := sink.New(c.Binder)
	t := &Tracker{
		outlet:             outlet{sink: s},
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
	return t, nil
}

// RecordLookup says that a lookup for a request ran and how long the call took. It
// is resolved if the number of cached blocks is known, also if that is 0, and
// otherwise deferred: the request asks again. A negative duration is taken as zero.
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

// RequestFinished says that a request is over. If a lookup of it was deferred
// and has not resolved since, its delay ends here. It does nothing for any other
// request.
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

// RecordAllocationFailure counts a store for which the offload tier had no room.
func (t *Tracker) RecordAllocationFailure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allocationFailures.Add(1)
}

// State returns a snapshot of the tracker's bookkeeping, for a service that
// wants to see whether its requests finish.
func (t *Tracker) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return State{Deferred: t.deferred.Len(), Evicted: t.deferred.Evicted()}
}

// now returns the time since the tracker was made.
func (t *Tracker) now() time.Duration { return t.clock().Sub(t.epoch) }
