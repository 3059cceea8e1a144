// SPDX-License-Identifier: Apache-2.0

package connector_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// recorded is a payload by metric, with the samples of histograms; nil for no
// payload.
type recorded map[string]string

func read(p *stats.Payload) recorded {
	if p == nil {
		return nil
	}
	r := recorded{}
	for metric := range p.Metrics() {
		for entry := range metric.Entries() {
			if metric.Kind() == schema.KindHistogram {
				r[metric.Name()] = fmt.Sprint(entry.Samples())
				continue
			}
			r[metric.Name()] = entry.Value().String()
		}
	}
	return r
}

func delays(syncSamples, asyncSamples string) recorded {
	r := recorded{vllm.LookupSyncDelay.PrometheusName: syncSamples}
	if asyncSamples != "" {
		r[vllm.LookupAsyncDelay.PrometheusName] = asyncSamples
	}
	return r
}

func mustEqual[M recorded | reduced](t *testing.T, what string, want, got M) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// How a lookup ends.
const resolved, deferred = true, false

func newTracker(t testing.TB, opts ...connector.Option) *connector.Tracker {
	t.Helper()
	tracker, err := connector.NewTracker(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tracker
}

func TestLookupDelays(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name   string
		events func(*connector.Tracker)
		want   recorded
	}{
		{"nothing", func(*connector.Tracker) {}, nil},
		{"each lookup that runs", func(tracker *connector.Tracker) {
			tracker.RecordLookup("a", resolved, 2*ms)
			tracker.RecordLookup("b", resolved, 3*ms)
			tracker.RequestFinished("a")
		}, delays("[0.002 0.003]", "")},
		{"from the first deferral to resolution", func(tracker *connector.Tracker) {
			tracker.RecordLookup("a", deferred, 1*ms)
			time.Sleep(20 * ms)
			tracker.RecordLookup("a", deferred, 2*ms)
			time.Sleep(30 * ms)
			tracker.RecordLookup("a", resolved, 3*ms)
		}, delays("[0.001 0.002 0.003]", "[0.051]")},
		{"to the request's end", func(tracker *connector.Tracker) {
			tracker.RecordLookup("a", deferred, 1*ms)
			time.Sleep(9 * ms)
			tracker.RequestFinished("a")
			tracker.RequestFinished("a")
		}, delays("[0.001]", "[0.01]")},
		{"again for the same request", func(tracker *connector.Tracker) {
			for range 2 {
				tracker.RecordLookup("a", deferred, 0)
				time.Sleep(10 * ms)
				tracker.RecordLookup("a", resolved, 0)
			}
		}, delays("[0.0 0.0 0.0 0.0]", "[0.01 0.01]")},
		{"requests apart", func(tracker *connector.Tracker) {
			tracker.RecordLookup("a", deferred, 0)
			time.Sleep(10 * ms)
			tracker.RecordLookup("b", deferred, 0)
			time.Sleep(10 * ms)
			tracker.RecordLookup("b", resolved, 0)
			tracker.RecordLookup("a", resolved, 0)
		}, delays("[0.0 0.0 0.0 0.0]", "[0.01 0.02]")},
		{"negative duration", func(tracker *connector.Tracker) {
			tracker.RecordLookup("a", deferred, -ms)
			tracker.RecordLookup("a", resolved, -ms)
		}, delays("[0.0 0.0]", "[0.0]")},
		{"finish of an unknown request", func(tracker *connector.Tracker) { tracker.RequestFinished("a") }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracker := newTracker(t)
				test.events(tracker)
				mustEqual(t, "first take", test.want, read(tracker.Take()))
				mustEqual(t, "second take", nil, read(tracker.Take()))

				var series, dst stats.Payload
				tracker = newTracker(t, connector.WithBinder(&series))
				test.events(tracker)
				mustEqual(t, "with a binder", test.want, read(series.Take()))
				if tracker.Take() != nil || tracker.TakeInto(&dst) {
					t.Error("a tracker with a binder gave a payload")
				}
			})
		})
	}
}

// scheduler looks up and stores as vLLM's connector scheduler does: a request
// with transfers in flight, or that does not read the cache, is not looked up.
type scheduler struct{ tracker *connector.Tracker }

func (s scheduler) matchedTokens(inFlight, optedOut bool) {
	if !inFlight && !optedOut {
		s.tracker.RecordLookup("a", resolved, time.Millisecond)
	}
}

func (s scheduler) prepareStore(room bool) {
	if !room {
		s.tracker.RecordAllocationFailure()
	}
}

// TestVLLMConnectorScheduler holds the metric parts of vLLM's own tests of its
// connector scheduler.
func TestVLLMConnectorScheduler(t *testing.T) {
	t.Run("prepare_store returns None once", func(t *testing.T) {
		s := scheduler{newTracker(t)}
		s.prepareStore(true)
		s.prepareStore(false)
		s.prepareStore(true)
		mustEqual(t, "take", recorded{vllm.AllocationFailure.PrometheusName: "1"}, read(s.tracker.Take()))
		mustEqual(t, "second take", nil, read(s.tracker.Take()))
	})
	t.Run("lookup delay", func(t *testing.T) {
		s := scheduler{newTracker(t)}
		s.matchedTokens(false, false)
		s.matchedTokens(true, false)
		s.matchedTokens(false, true)
		mustEqual(t, "take", delays("[0.001]", ""), read(s.tracker.Take()))
	})
}

func TestClockGoesBackwards(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	tracker := newTracker(t, connector.WithClock(func() time.Time { return now }))
	tracker.RecordLookup("a", deferred, 0)
	now = now.Add(-time.Hour)
	tracker.RecordLookup("a", resolved, 0)
	mustEqual(t, "take", delays("[0.0 0.0]", "[0.0]"), read(tracker.Take()))
}

func TestEviction(t *testing.T) {
	tracker := newTracker(t, withMaxRequests(2))
	for _, request := range []string{"a", "b", "a", "c"} {
		tracker.RecordLookup(request, deferred, 0)
	}
	if got, want := tracker.State(), (connector.State{Deferred: 2, Evicted: 1}); got != want {
		t.Errorf("state is %+v, want %+v", got, want)
	}
	tracker.Take()
	tracker.RequestFinished("b")
	mustEqual(t, "b was forgotten", nil, read(tracker.Take()))
	tracker.RequestFinished("a")
	if got := read(tracker.Take()); len(got) != 1 {
		t.Errorf("a left %v, want its delay", got)
	}
}

func TestNewTrackerErrors(t *testing.T) {
	var taken stats.Payload
	for _, name := range []string{vllm.LookupSyncDelay.PrometheusName, vllm.AllocationFailure.PrometheusName} {
		if err := taken.RecordGauge(name, stats.Int64(1)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := connector.NewTracker(connector.WithBinder(&taken))
	if err == nil || !strings.Contains(err.Error(), vllm.LookupSyncDelay.PrometheusName) ||
		!strings.Contains(err.Error(), vllm.AllocationFailure.PrometheusName) {
		t.Errorf("NewTracker returned %v, want an error that names both metrics", err)
	}
}

func TestConcurrentRequests(t *testing.T) {
	const requests, lookups = 8, 200
	tracker := newTracker(t)
	var wait sync.WaitGroup
	for i := range requests {
		wait.Go(func() {
			id := fmt.Sprint("r", i)
			for range lookups {
				tracker.RecordLookup(id, deferred, 0)
				tracker.RecordLookup(id, resolved, 0)
				tracker.RecordLookup(id, deferred, 0)
				tracker.RequestFinished(id)
				tracker.RecordAllocationFailure()
			}
		})
	}
	var sum, taken stats.Payload
	for range lookups {
		tracker.State()
		tracker.TakeInto(&taken)
		if err := errors.Join(sum.Merge(&taken), sum.Merge(tracker.Take())); err != nil {
			t.Error(err)
		}
	}
	wait.Wait()
	if err := sum.Merge(tracker.Take()); err != nil {
		t.Error(err)
	}
	summary := sum.Reduce()
	for key, want := range map[string]float64{
		vllm.LookupSyncDelay.PrometheusName + "_count":  3 * requests * lookups,
		vllm.LookupAsyncDelay.PrometheusName + "_count": 2 * requests * lookups,
		vllm.AllocationFailure.PrometheusName:           requests * lookups,
	} {
		if got, _ := summary.Get(key); got.Float64() != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	tracker := newTracker(t)
	var taken stats.Payload
	lookup := func() {
		tracker.RecordLookup("a", deferred, time.Millisecond)
		tracker.RecordLookup("a", resolved, time.Millisecond)
		tracker.TakeInto(&taken)
	}
	for range 3 {
		lookup()
	}
	if n := testing.AllocsPerRun(100, lookup); n != 0 {
		t.Errorf("a lookup allocates %v times, want 0", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	tracker := newTracker(b)
	var taken stats.Payload
	b.ReportAllocs()
	for i := range b.N {
		tracker.RecordLookup("a", resolved, time.Millisecond)
		if i%1024 == 0 {
			tracker.TakeInto(&taken)
		}
	}
}

// An emptyBinder returns no handles.
type emptyBinder struct{}

func (emptyBinder) Bind(schema.Definition, ...string) (any, error) { return nil, nil }

func TestABinderMustReturnHandles(t *testing.T) {
	_, err := connector.NewTracker(connector.WithBinder(emptyBinder{}))
	want := `otelkv: metric "vllm:kv_offload_allocation_failure": the binder returned a <nil> for a counter of int64`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("NewTracker returned %v, want an error that says %s", err, want)
	}
}

// withMaxRequests bounds the requests that a tracker remembers.
func withMaxRequests(n int) connector.Option {
	return func(c *sink.Config) { c.MaxRequests = n }
}
