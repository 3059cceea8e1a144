// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"context"
	"fmt"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
)

// A ChunkKey identifies a chunk within one request. Two chunks of a request with the same
// key count as one. The first eight bytes of a content hash are a good key. [ChunkKeyOf]
// returns the key of anything else.
type ChunkKey uint64

// ChunkKeyOf returns the 64-bit FNV-1a hash of a chunk's hash or name.
func ChunkKeyOf[T ~string | ~[]byte](hash T) ChunkKey {
	const offset, prime = 14695981039346656037, 1099511628211
	key := ChunkKey(offset)
	for i := range len(hash) {
		key = (key ^ ChunkKey(hash[i])) * prime
	}
	return key
}

// A Result is what a tier answers when it is asked for a chunk. The zero Result is not
// valid.
type Result uint8

// The results of a lookup, vLLM's LookupResult.
const (
	// Miss says that the tier does not have the chunk.
	Miss Result = iota + 1
	// Hit says that the tier has the chunk.
	Hit
	// Retry says that the tier does not know yet, so the request asks again.
	Retry
	// HitPending says that the chunk is on its way into the tier.
	HitPending
)

// String returns vLLM's name of the result, such as HIT_PENDING.
func (r Result) String() string {
	if names := [...]string{Miss: "MISS", Hit: "HIT", Retry: "RETRY", HitPending: "HIT_PENDING"}; r >= Miss && r <= HitPending {
		return names[r]
	}
	return fmt.Sprintf("Result(%d)", uint8(r))
}

// A request is what the tracker remembers of one request.
type request struct {
	// observed has the lookups so far. It is nil before the first.
	observed map[lookup]observation
	// allocated says that the request has memory. Its lookups do not count any more.
	allocated bool
}

type lookup struct {
	chunk ChunkKey
	tier  int
}

// An observation is a lookup that has waited since start, or that has resolved.
type observation struct {
	start    time.Duration
	resolved bool
}

// The bounds of the maps that are kept for further requests.
const (
	maxSpareMaps    = 64
	maxSpareLookups = 4096
)

// RequestStarted makes a request known. If it is known already, its lookups are forgotten
// and count again.
func (t *Tracker) RequestStarted(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.requests.Get(id); r != nil {
		t.forget(r)
		r.allocated = false
		return
	}
	t.requests.Add(id)
}

// RequestAllocated says that a request was scheduled for the first time. Its lookups do not
// count from here on. It does nothing for an unknown request.
func (t *Tracker) RequestAllocated(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.requests.Get(id); r != nil {
		t.forget(r)
		r.allocated = true
	}
}

// RequestFinished forgets a request. If it still waits for a tier's answer, no delay is
// recorded: a delay is recorded only when a lookup resolves. It does nothing for an unknown
// request.
func (t *Tracker) RequestFinished(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests.Remove(id)
}

// RecordLookup records that a request asked a tier, given by its index, for a chunk, what
// the tier answered, and how long the call took.
//
// For each request, tier and chunk, the first [Hit] or [Miss] counts one query, the hit,
// and the duration of this call. If a [Retry] came before it, it also records the delay
// from the start of the first one until now. Later answers do not count, nor do answers
// after [Tracker.RequestAllocated]. [HitPending] never counts. A lookup of an unknown
// request makes the request known.
//
// A negative duration is taken as zero. A tier that the tracker does not have, and a
// result that is not valid, are ignored and counted in [State].
func (t *Tracker) RecordLookup(id string, tier int, chunk ChunkKey, result Result, duration time.Duration) {
	t.RecordLookupContext(context.Background(), id, tier, chunk, result, duration)
}

// RecordLookupContext is [Tracker.RecordLookup] for a lookup whose delays can become
// exemplars of the span in the context. A payload has no exemplars.
func (t *Tracker) RecordLookupContext(ctx context.Context, id string, tier int, chunk ChunkKey, result Result, duration time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tier < 0 || tier >= len(t.tiers) || result < Miss || result > HitPending {
		t.rejected++
		return
	}
	r := t.requests.Get(id)
	if r == nil {
		r = t.requests.Add(id)
	}
	if r.allocated || result == HitPending {
		return
	}
	duration = max(duration, 0)
	key := lookup{chunk: chunk, tier: tier}
	o, seen := r.observed[key]
	switch {
	case o.resolved:
	case result != Retry:
		t.resolve(ctx, &t.tiers[tier], result, duration, o, seen)
		t.observe(r, key, observation{resolved: true}, seen)
	case !seen:
		t.observe(r, key, observation{start: t.now() - duration}, seen)
	}
}

func (t *Tracker) resolve(ctx context.Context, tier *tierSeries, result Result, duration time.Duration, o observation, waited bool) {
	tier.queries.Add(1)
	if result == Hit {
		tier.hits.Add(1)
	}
	sink.Record(ctx, tier.syncDelay, duration.Seconds())
	if waited {
		sink.Record(ctx, tier.asyncDelay, max(t.now()-o.start, 0).Seconds())
	}
}

// observe remembers a lookup of r, which is the most recently used request, and evicts
// others to make room. If a request has too many lookups on its own, it is no longer
// observed, as if it were allocated, so that its repeated lookups do not count again.
func (t *Tracker) observe(r *request, key lookup, o observation, seen bool) {
	if !seen {
		t.observations++
		if r.observed == nil {
			r.observed = t.spareMap()
		}
	}
	r.observed[key] = o
	for t.observations > t.maxObservations {
		if t.requests.Oldest() == r {
			t.forget(r)
			r.allocated = true
			t.oversized++
			return
		}
		t.requests.EvictOldest()
	}
}

// forget drops the lookups of a request, and keeps its map for another request.
func (t *Tracker) forget(r *request) {
	t.observations -= len(r.observed)
	if r.observed != nil && len(r.observed) <= maxSpareLookups && len(t.spare) < maxSpareMaps {
		clear(r.observed)
		t.spare = append(t.spare, r.observed)
	}
	r.observed = nil
}

func (t *Tracker) spareMap() map[lookup]observation {
	last := len(t.spare) - 1
	if last < 0 {
		return make(map[lookup]observation)
	}
	m := t.spare[last]
	t.spare[last] = nil
	t.spare = t.spare[:last]
	return m
}
