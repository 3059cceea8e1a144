// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// boundedModel is the oracle of what a tracker remembers: requests in a slice,
// the least recently used first, and nothing that is kept up to date beside it.
type boundedModel struct {
	maxRequests, maxObservations int

	order   []*boundedRequest
	evicted uint64
	totals  reduced
}

type boundedRequest struct {
	id        string
	resolved  map[[2]int]bool // by tier and chunk: false while it waits
	allocated bool
}

// use returns a request that is known, and makes it the most recently used.
func (m *boundedModel) use(id string) *boundedRequest {
	i := slices.IndexFunc(m.order, func(r *boundedRequest) bool { return r.id == id })
	if i < 0 {
		return nil
	}
	r := m.order[i]
	m.order = append(slices.Delete(m.order, i, i+1), r)
	return r
}

func (m *boundedModel) evictOldest() {
	m.order = m.order[1:]
	m.evicted++
}

func (m *boundedModel) start(id string) *boundedRequest {
	r := m.use(id)
	if r == nil {
		if len(m.order) == m.maxRequests {
			m.evictOldest()
		}
		r = &boundedRequest{id: id}
		m.order = append(m.order, r)
	}
	r.resolved, r.allocated = map[[2]int]bool{}, false
	return r
}

func (m *boundedModel) allocate(id string) {
	if r := m.use(id); r != nil {
		r.resolved, r.allocated = nil, true
	}
}

func (m *boundedModel) finish(id string) {
	m.order = slices.DeleteFunc(m.order, func(r *boundedRequest) bool { return r.id == id })
}

func (m *boundedModel) lookup(id string, tier, chunk int, result tiering.Result) {
	r := m.use(id)
	if r == nil {
		r = m.start(id)
	}
	key := [2]int{tier, chunk}
	resolved, seen := r.resolved[key]
	if r.allocated || resolved || result == tiering.HitPending || seen && result == tiering.Retry {
		return
	}
	r.resolved[key] = result != tiering.Retry
	if r.resolved[key] {
		m.count(modelTier(tier), result, seen)
	}
	for m.observations() > m.maxObservations && len(m.order) > 1 {
		m.evictOldest()
	}
	if m.observations() > m.maxObservations {
		m.allocate(id)
		m.evicted++
	}
}

func (m *boundedModel) count(tier string, result tiering.Result, waited bool) {
	m.totals[of(vllm.TieringChunkQueries, tier, "")]++
	m.totals[of(vllm.TieringLookupSyncDelay, tier, "_count")]++
	if result == tiering.Hit {
		m.totals[of(vllm.TieringChunkHits, tier, "")]++
	}
	if waited {
		m.totals[of(vllm.TieringLookupAsyncDelay, tier, "_count")]++
	}
}

func (m *boundedModel) observations() (n int) {
	for _, r := range m.order {
		n += len(r.resolved)
	}
	return n
}

// TestModelOfEviction drives a tracker of small bounds with requests in random
// order, and compares what it remembers after each event, and what it has
// counted at the end.
func TestModelOfEviction(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			m := &boundedModel{maxRequests: 1 + r.IntN(5), maxObservations: 1 + r.IntN(12), totals: reduced{}}
			tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs"}, MaxObservations: m.maxObservations},
				withMaxRequests(m.maxRequests))
			for event := range 400 {
				id := fmt.Sprint("r", r.IntN(8))
				switch r.IntN(12) {
				case 0:
					tracker.RequestStarted(id)
					m.start(id)
				case 1:
					tracker.RequestAllocated(id)
					m.allocate(id)
				case 2:
					tracker.RequestFinished(id)
					m.finish(id)
				default:
					tier, chunk, result := r.IntN(2), r.IntN(5), tiering.Miss+tiering.Result(r.IntN(4))
					tracker.RecordLookup(id, tier, tiering.ChunkKey(chunk), result, 0)
					m.lookup(id, tier, chunk, result)
				}
				want := tiering.State{Requests: len(m.order), Observations: m.observations(), Evicted: m.evicted}
				if got := tracker.State(); got != want {
					t.Fatalf("after event %d the state is %+v, want %+v", event, got, want)
				}
			}
			isCount := func(key string) bool { return !isGauge(key) && !strings.HasSuffix(key, "_sum") }
			mustEqual(t, "counts", m.totals, only(isCount, reduce(tracker.Take())))
		})
	}
}
