// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// interval is what happens before one Take, and what it then returns.
type interval struct {
	events func(*tiering.Tracker)
	want   reduced
}

// TestVLLMTracker holds the cases of vLLM's own tests of its tracker, by their
// names.
func TestVLLMTracker(t *testing.T) {
	const second = time.Second
	lookFS := func(tracker *tiering.Tracker) {
		tracker.RecordLookup("r", 0, 1, tiering.Miss, 0)
		tracker.RecordLookup("r", 1, 1, tiering.Hit, 0)
	}
	for _, test := range []struct {
		name      string
		config    tiering.Config
		intervals []interval
	}{
		{
			name:   "lookup metrics",
			config: tiering.Config{SecondaryTiers: []string{"fs", "p2p"}},
			intervals: []interval{{
				events: func(tracker *tiering.Tracker) {
					tracker.RequestStarted("r")
					tracker.RecordLookup("r", 0, 1, tiering.Miss, 0)
					tracker.RecordLookup("r", 1, 1, tiering.Miss, 0)
					tracker.RecordLookup("r", 2, 1, tiering.Hit, 0)
					tracker.RecordLookup("r", 2, 1, tiering.Hit, 0)
				},
				want: idle(all(lookups("0:primary", 1, 0), lookups("1:fs", 1, 0), lookups("2:p2p", 1, 1)), "1:fs", "2:p2p"),
			}},
		},
		{
			name:   "stop after allocation",
			config: tiering.Config{SecondaryTiers: []string{"fs"}},
			intervals: []interval{
				{
					events: func(tracker *tiering.Tracker) { tracker.RequestStarted("r"); lookFS(tracker) },
					want:   idle(all(lookups("0:primary", 1, 0), lookups("1:fs", 1, 1)), "1:fs"),
				},
				{
					events: func(tracker *tiering.Tracker) { tracker.RequestAllocated("r"); lookFS(tracker) },
					want:   idle(nil, "1:fs"),
				},
			},
		},
		{
			name:   "finished jobs",
			config: tiering.Config{SecondaryTiers: []string{"fs"}, ChunkSize: 16},
			intervals: []interval{{
				events: func(tracker *tiering.Tracker) {
					timed(tracker.StartCascade(1, 1), second/2).Succeed()
					timed(tracker.StartPromotion(1, 1), second/4).Succeed()
					tracker.StartCascade(1, 1).Fail()
					tracker.StartPromotion(1, 1).Fail()
				},
				want: idle(reduced{
					of(vllm.TieringWriteBytes, "1:fs", ""):           16,
					of(vllm.TieringWriteTime, "1:fs", ""):            0.5,
					of(vllm.TieringReadBytes, "1:fs", ""):            16,
					of(vllm.TieringReadTime, "1:fs", ""):             0.25,
					of(vllm.TieringPromotionJobFailures, "1:fs", ""): 1,
					of(vllm.TieringCascadeJobFailures, "1:fs", ""):   1,
				}, "1:fs"),
			}},
		},
		{
			name:   "active gauges",
			config: tiering.Config{SecondaryTiers: []string{"fs", "p2p"}, PrimaryChunks: 6},
			intervals: []interval{{
				events: func(tracker *tiering.Tracker) { tracker.StartCascade(1, 2); tracker.StartPromotion(2, 3) },
				want: idle(reduced{
					of(vllm.TieringPrimaryReadUsage, "1:fs", ""):     2. / 6,
					of(vllm.TieringActiveCascadeJobs, "1:fs", ""):    1,
					of(vllm.TieringPrimaryWriteUsage, "2:p2p", ""):   3. / 6,
					of(vllm.TieringActivePromotionJobs, "2:p2p", ""): 1,
				}, "1:fs", "2:p2p"),
			}},
		},
		{
			name: "promotion allocation failure",
			intervals: []interval{
				{
					events: (*tiering.Tracker).RecordPromotionAllocationFailure,
					want:   reduced{vllm.TieringPromotionAllocationFailures.PrometheusName: 1},
				},
				{events: func(*tiering.Tracker) {}, want: nil},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) { runIntervals(t, test.config, test.intervals) })
	}
}

func runIntervals(t *testing.T, config tiering.Config, intervals []interval, opts ...connector.Option) {
	modes(t, config, func(t *testing.T, tracker *tiering.Tracker, take func() reduced) {
		for _, i := range intervals {
			i.events(tracker)
			mustEqual(t, "interval", i.want, take())
		}
	}, opts...)
}

// TestLookupStates holds the table of a tracker's lookup states: what each
// result does to a lookup that is unknown, waiting or resolved.
func TestLookupStates(t *testing.T) {
	const ms = time.Millisecond
	type call struct {
		wait     time.Duration
		result   tiering.Result
		duration time.Duration
	}
	queried := func(queries, hits, syncSum float64) reduced {
		r := lookups("1:fs", queries, hits)
		r[of(vllm.TieringLookupSyncDelay, "1:fs", "_sum")] = syncSum
		return r
	}
	waited := func(r reduced, asyncSum float64) reduced {
		return all(r, reduced{
			of(vllm.TieringLookupAsyncDelay, "1:fs", "_count"): 1,
			of(vllm.TieringLookupAsyncDelay, "1:fs", "_sum"):   asyncSum,
		})
	}
	for _, test := range []struct {
		name  string
		calls []call
		want  reduced
	}{
		{"absent hit", []call{{0, tiering.Hit, 2 * ms}}, queried(1, 1, 0.002)},
		{"absent miss", []call{{0, tiering.Miss, 2 * ms}}, queried(1, 0, 0.002)},
		{"absent retry", []call{{0, tiering.Retry, 2 * ms}}, nil},
		{"absent hit pending", []call{{0, tiering.HitPending, 2 * ms}}, nil},
		{"waiting hit", []call{{0, tiering.Retry, 2 * ms}, {30 * ms, tiering.Hit, 4 * ms}}, waited(queried(1, 1, 0.004), 0.032)},
		{"waiting miss", []call{{0, tiering.Retry, 0}, {8 * ms, tiering.Miss, ms}}, waited(queried(1, 0, 0.001), 0.008)},
		{"waiting retry", []call{{0, tiering.Retry, ms}, {5 * ms, tiering.Retry, ms}, {10 * ms, tiering.Hit, 0}}, waited(queried(1, 1, 0), 0.016)},
		{"waiting hit pending", []call{{0, tiering.Retry, 0}, {ms, tiering.HitPending, ms}, {ms, tiering.Hit, 0}}, waited(queried(1, 1, 0), 0.002)},
		{"resolved hit", []call{{0, tiering.Miss, 0}, {ms, tiering.Hit, ms}}, queried(1, 0, 0)},
		{"resolved retry stays resolved", []call{{0, tiering.Hit, 0}, {ms, tiering.Retry, ms}, {ms, tiering.Hit, ms}}, queried(1, 1, 0)},
		{"negative duration", []call{{0, tiering.Hit, -ms}}, queried(1, 1, 0)},
		{"negative duration of a retry", []call{{0, tiering.Retry, -ms}, {ms, tiering.Hit, 0}}, waited(queried(1, 1, 0), 0.001)},
		{"clock goes backwards", []call{{0, tiering.Retry, 0}, {-time.Hour, tiering.Hit, 0}}, waited(queried(1, 1, 0), 0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClock()
			runIntervals(t, tiering.Config{SecondaryTiers: []string{"fs"}}, []interval{{
				events: func(tracker *tiering.Tracker) {
					for _, call := range test.calls {
						c.advance(call.wait)
						tracker.RecordLookup("r", 1, 7, call.result, call.duration)
					}
				},
				want: idle(test.want, "1:fs"),
			}}, connector.WithClock(c.read))
		})
	}
}

func TestRequestEvents(t *testing.T) {
	hit := func(tracker *tiering.Tracker) { tracker.RecordLookup("r", 0, 1, tiering.Hit, 0) }
	once, twice := lookups("0:primary", 1, 1), lookups("0:primary", 2, 2)
	for _, test := range []struct {
		name   string
		events func(*tiering.Tracker)
		want   reduced
		state  tiering.State
	}{
		{"lookup makes the request known", hit, once, tiering.State{Requests: 1, Observations: 1}},
		{"start again observes again", func(tracker *tiering.Tracker) {
			hit(tracker)
			tracker.RequestStarted("r")
			hit(tracker)
		}, twice, tiering.State{Requests: 1, Observations: 1}},
		{"start again after allocation", func(tracker *tiering.Tracker) {
			hit(tracker)
			tracker.RequestAllocated("r")
			tracker.RequestStarted("r")
			hit(tracker)
		}, twice, tiering.State{Requests: 1, Observations: 1}},
		{"allocation frees what was observed", func(tracker *tiering.Tracker) {
			hit(tracker)
			tracker.RequestAllocated("r")
		}, once, tiering.State{Requests: 1}},
		{"allocation of an unknown request", func(tracker *tiering.Tracker) {
			tracker.RequestAllocated("r")
			hit(tracker)
		}, once, tiering.State{Requests: 1, Observations: 1}},
		{"finish forgets", func(tracker *tiering.Tracker) {
			hit(tracker)
			tracker.RequestFinished("r")
		}, once, tiering.State{}},
		{"finish of an unknown request", func(tracker *tiering.Tracker) { tracker.RequestFinished("r") }, nil, tiering.State{}},
		{"finish while waiting records nothing", func(tracker *tiering.Tracker) {
			tracker.RecordLookup("r", 0, 1, tiering.Retry, time.Second)
			tracker.RequestFinished("r")
			tracker.RequestFinished("r")
		}, nil, tiering.State{}},
		{"unknown tier and result", func(tracker *tiering.Tracker) {
			tracker.RecordLookup("r", -1, 1, tiering.Hit, 0)
			tracker.RecordLookup("r", 1, 1, tiering.Hit, 0)
			tracker.RecordLookup("r", 0, 1, 0, 0)
			tracker.RecordLookup("r", 0, 1, tiering.HitPending+1, 0)
		}, nil, tiering.State{Rejected: 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			modes(t, tiering.Config{}, func(t *testing.T, tracker *tiering.Tracker, take func() reduced) {
				test.events(tracker)
				mustEqual(t, "take", test.want, take())
				if got := tracker.State(); got != test.state {
					t.Errorf("state is %+v, want %+v", got, test.state)
				}
			})
		})
	}
}

func TestGaugesFollowJobsWithBinder(t *testing.T) {
	var series stats.Payload
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs"}, PrimaryChunks: 4}, connector.WithBinder(&series))
	mustEqual(t, "at the start", idle(nil, "1:fs"), reduce(series.Take()))
	job := tracker.StartPromotion(1, 1)
	mustEqual(t, "started", reduced{
		of(vllm.TieringActivePromotionJobs, "1:fs", ""): 1,
		of(vllm.TieringPrimaryWriteUsage, "1:fs", ""):   0.25,
	}, reduce(series.Take()))
	job.Fail()
	mustEqual(t, "finished", reduced{
		of(vllm.TieringActivePromotionJobs, "1:fs", ""):  0,
		of(vllm.TieringPrimaryWriteUsage, "1:fs", ""):    0,
		of(vllm.TieringPromotionJobFailures, "1:fs", ""): 1,
	}, reduce(series.Take()))
}

func TestTakeInto(t *testing.T) {
	tracker := newTracker(t, tiering.Config{})
	var dst stats.Payload
	tracker.RecordPromotionAllocationFailure()
	if !tracker.TakeInto(&dst) {
		t.Error("TakeInto returned false after an event")
	}
	mustEqual(t, "taken", reduced{vllm.TieringPromotionAllocationFailures.PrometheusName: 1}, reduce(&dst))
	if tracker.TakeInto(&dst) {
		t.Error("TakeInto returned true after no event")
	}
}

func TestNewTrackerReportsEverything(t *testing.T) {
	var taken stats.Payload
	if err := taken.RecordGauge(vllm.TieringChunkQueries.PrometheusName, stats.Int64(1), "0:primary"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		config tiering.Config
		opts   []connector.Option
		want   []string
	}{
		{"config", tiering.Config{SecondaryTiers: []string{"", "fs\xff"}, PrimaryChunks: -1, ChunkSize: -2}, nil, []string{
			`otelkv: tier "": the type is empty`,
			`otelkv: tier "fs\xff": the type is not valid UTF-8`,
			`otelkv: tiering: PrimaryChunks is -1, expected at least 0`,
			`otelkv: tiering: ChunkSize is -2, expected at least 0`,
		}},
		{"bounds", tiering.Config{MaxObservations: -1}, nil, []string{
			`otelkv: tiering: MaxObservations is -1, expected at least 0`,
		}},
		{"back-pressure", tiering.Config{SecondaryTiers: []string{"fs", "obj"}, BackPressure: map[int]tiering.BackPressure{
			0: {},
			1: {Alpha: 2, WarmupCompletions: -1, LowWater: 3, HighWater: 2},
			2: tiering.DefaultBackPressure("2:obj", ""),
		}}, nil, []string{
			`otelkv: tiering: back-pressure for tier 0, expected a secondary tier, 1 to 2`,
			`otelkv: tiering: back-pressure for tier 2: tier "2:obj": expected a type like "fs": labels are made from types`,
			`otelkv: tiering: back-pressure for tier 1: Alpha is 2, expected above 0 and at most 1`,
			`otelkv: tiering: back-pressure for tier 1: WarmupCompletions is -1, expected at least 0`,
			`otelkv: tiering: back-pressure for tier 1: LowWater is 3 and HighWater is 2, expected 0 < LowWater <= HighWater < +Inf`,
		}},
		{"binder", tiering.Config{}, []connector.Option{connector.WithBinder(&taken)}, []string{
			vllm.TieringChunkQueries.PrometheusName,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tracker, err := tiering.NewTracker(test.config, test.opts...)
			if tracker != nil || err == nil {
				t.Fatalf("NewTracker returned %v, %v, want an error", tracker, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestEviction(t *testing.T) {
	t.Run("requests", func(t *testing.T) {
		tracker := newTracker(t, tiering.Config{}, withMaxRequests(2))
		tracker.RequestStarted("a")
		tracker.RecordLookup("b", 0, 1, tiering.Hit, 0)
		tracker.RecordLookup("a", 0, 1, tiering.Hit, 0)
		tracker.RequestStarted("c")
		tracker.RecordLookup("a", 0, 1, tiering.Hit, 0)
		mustEqual(t, "a stayed", lookups("0:primary", 2, 2), reduce(tracker.Take()))
		tracker.RecordLookup("b", 0, 1, tiering.Hit, 0)
		mustEqual(t, "b was evicted and counts again", lookups("0:primary", 1, 1), reduce(tracker.Take()))
		if got, want := tracker.State(), (tiering.State{Requests: 2, Observations: 2, Evicted: 2}); got != want {
			t.Errorf("state is %+v, want %+v", got, want)
		}
	})
	t.Run("observations", func(t *testing.T) {
		tracker := newTracker(t, tiering.Config{MaxObservations: 3})
		for _, request := range []string{"a", "b"} {
			tracker.RecordLookup(request, 0, 1, tiering.Hit, 0)
			tracker.RecordLookup(request, 0, 2, tiering.Hit, 0)
		}
		if got, want := tracker.State(), (tiering.State{Requests: 1, Observations: 2, Evicted: 1}); got != want {
			t.Errorf("state is %+v, want %+v", got, want)
		}
	})
	t.Run("one request too large", func(t *testing.T) {
		tracker := newTracker(t, tiering.Config{MaxObservations: 3})
		for range 2 {
			for chunk := range tiering.ChunkKey(5) {
				tracker.RecordLookup("a", 0, chunk, tiering.Hit, 0)
			}
		}
		mustEqual(t, "counted up to the bound, none twice", lookups("0:primary", 4, 4), reduce(tracker.Take()))
		if got, want := tracker.State(), (tiering.State{Requests: 1, Evicted: 1}); got != want {
			t.Errorf("state is %+v, want %+v", got, want)
		}
	})
}

func TestCheckIdle(t *testing.T) {
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs", "p2p"}, PrimaryChunks: 8})
	if err := tracker.CheckIdle(); err != nil {
		t.Errorf("a new tracker: %v", err)
	}
	promotion, cascade := tracker.StartPromotion(1, 3), tracker.StartCascade(2, 0)
	err := tracker.CheckIdle()
	if err == nil {
		t.Fatal("CheckIdle returned nil with jobs in flight")
	}
	want := strings.Join([]string{
		`otelkv: metric "vllm:kv_offload_tiering_active_promotion_jobs": not idle: tier "1:fs": 1 jobs in flight, expected 0`,
		`otelkv: metric "vllm:kv_offload_tiering_primary_write_usage_perc": not idle: tier "1:fs": 3 chunks pinned, expected 0`,
		`otelkv: metric "vllm:kv_offload_tiering_active_cascade_jobs": not idle: tier "2:p2p": 1 jobs in flight, expected 0`,
	}, "\n")
	if err.Error() != want {
		t.Errorf("error is\n%v\nwant\n%v", err, want)
	}
	promotion.Fail()
	cascade.Succeed()
	if err := tracker.CheckIdle(); err != nil {
		t.Errorf("all jobs finished: %v", err)
	}
}

// withMaxRequests bounds the requests that a tracker remembers.
func withMaxRequests(n int) connector.Option {
	return func(c *sink.Config) { c.MaxRequests = n }
}
