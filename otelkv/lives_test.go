// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestRemovalFromInstruments follows the counter of an engine that goes and
// comes back, at the given times after the removal.
func TestRemovalFromInstruments(t *testing.T) {
	const delay = 10 * time.Second
	for name, c := range map[string]struct {
		back       time.Duration // when the engine comes back
		cumulative []float64     // at 1 s, 5 s, ... after the removal; -1 for absent
	}{
		"does not come back":             {time.Hour, []float64{5, 5, -1, -1, -1, -1}},
		"comes back while it lingers":    {4 * time.Second, []float64{5, 7, 7, 7, 7, 7}},
		"comes back after it was shown":  {12 * time.Second, []float64{5, 5, -1, -1, -1, 2}},
		"comes back when all forgot it":  {22 * time.Second, []float64{5, 5, -1, -1, -1, 2}},
		"comes back in the same instant": {0, []float64{7, 7, 7, 7, 7, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				recorder := newInstruments(otelkv.WithRemovalDelay(delay))(t, vllm.TieringSpec())
				engine := addEngine(t, recorder, 0)
				must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(5)
				recorder.Collect()
				recorder.CollectDelta()
				removed := time.Now()
				engine.Remove()
				back := false
				var cumulative []float64
				for _, at := range []time.Duration{1, 5, 11, 13, 18, 24} {
					for now := time.Since(removed); now <= at*time.Second; now = time.Since(removed) {
						if !back && now >= c.back {
							back = true
							again := addEngine(t, recorder, 0)
							must[otelkv.Int64Counter](t)(again.Int64Counter(vllm.LoadBytes)).Add(2)
						}
						if now == at*time.Second {
							break
						}
						time.Sleep(500 * time.Millisecond)
					}
					value := -1.0
					if got := recorder.Collect(); got.Has(vllm.LoadBytes, nil) {
						value = got.Value(vllm.LoadBytes, nil)
					}
					cumulative = append(cumulative, value)
					if got := recorder.CollectDelta(); got.Has(vllm.LoadBytes, nil) && got.Value(vllm.LoadBytes, nil) < 0 {
						t.Errorf("a delta after %v is negative: %v", at*time.Second, got.Value(vllm.LoadBytes, nil))
					}
				}
				if !slices.Equal(cumulative, c.cumulative) {
					t.Errorf("collections show %v, want %v", cumulative, c.cumulative)
				}
			})
		})
	}
}

// TestLivesThatEndWhileReadersCollect: an engine comes and goes, and counts one in
// each of its lives. No collection may miss it in between, or see two of it, so
// that deltas add up to the number of lives, and on instruments the total
// never falls.
func TestLivesThatEndWhileReadersCollect(t *testing.T) {
	byProducerAndInstruments(t, schema.MustCatalogue(vllm.LoadBytes), func(t *testing.T, recorder *otelkvtest.Recorder) {
		const lives = 1000
		var ended sync.WaitGroup
		ended.Go(func() {
			for range lives {
				engine, err := recorder.AddEngine(0, "m")
				if err != nil {
					t.Error(err)
					return
				}
				must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(1)
				engine.Remove()
			}
		})
		done := make(chan struct{})
		go func() { ended.Wait(); close(done) }()
		total, deltas := 0.0, 0.0
		for last := false; !last; {
			select {
			case <-done:
				last = true
			default:
			}
			if got := recorder.Collect(); got.Has(vllm.LoadBytes, nil) {
				value := got.Value(vllm.LoadBytes, nil)
				if !onProducer(t) && value < total {
					t.Errorf("the total fell from %v to %v", total, value)
				}
				total = value
			}
			if got := recorder.CollectDelta(); got.Has(vllm.LoadBytes, nil) {
				delta := got.Value(vllm.LoadBytes, nil)
				if delta < 0 {
					t.Errorf("a delta is %v", delta)
				}
				deltas += delta
			}
		}
		if deltas != lives {
			t.Errorf("the deltas add up to %v, want %d", deltas, lives)
		}
	})
}

// TestRandomLivesOnInstruments: engines go and come back at random times, of
// which those are left out at which a comeback is hidden. Readers that collect
// within the removal delay are told of everything once.
func TestRandomLivesOnInstruments(t *testing.T) {
	const delay = 10 * time.Second
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			recorder := newInstruments(otelkv.WithRemovalDelay(delay))(t, schema.MustCatalogue(vllm.LoadBytes, vllm.LoadTime))
			engine := addEngine(t, recorder, 0)
			var back time.Time
			added := 0
			told := make(map[string]float64)
			collect := func() {
				got := recorder.CollectDelta()
				for name, m := range map[string]schema.Metric{"bytes": vllm.LoadBytes, "time": vllm.LoadTime} {
					for _, p := range got.Select(m, nil) {
						if p.Value < 0 {
							t.Errorf("seed %d: a delta of %s is %v", seed, name, p.Value)
						}
						told[name] += p.Value
					}
				}
			}
			for range 200 {
				switch n := random.IntN(10); {
				case engine == nil && !time.Now().Before(back):
					engine = addEngine(t, recorder, 0, otelkv.WithPriming())
				case engine == nil:
				case n < 5:
					must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(int64(n))
					must[otelkv.Float64Counter](t)(engine.Float64Counter(vllm.LoadTime)).Add(float64(n))
					added += n
				case n < 7:
					engine.Remove()
					engine = nil
					back = time.Now().Add(time.Duration(random.Int64N(int64(delay / 2))))
					if n == 6 {
						back = back.Add(2 * delay)
					}
				}
				if random.IntN(3) > 0 {
					time.Sleep(time.Duration(random.Int64N(int64(delay / 4))))
					collect()
				}
			}
			collect()
			if want := float64(added); told["bytes"] != want || told["time"] != want {
				t.Errorf("seed %d: the deltas add up to %v, want %v of each", seed, told, want)
			}
		})
	}
}

// A gauge that came back takes the old one's place with its first measurement: a
// series that is only bound has nothing to report.
func TestAGaugeLingersUntilTheNextMeasurement(t *testing.T) {
	recorder := newInstruments()(t, vllm.TieringSpec())
	jobs := func() otelkv.Int64Gauge {
		return must[otelkv.Int64Gauge](t)(addEngine(t, recorder, 0).Int64Gauge(vllm.TieringActiveCascadeJobs, "1:fs"))
	}
	jobs().Record(5)
	engine, err := recorder.Engine(0)
	if err != nil {
		t.Fatal(err)
	}
	engine.Remove()
	again := jobs()
	if v := recorder.Collect().Value(vllm.TieringActiveCascadeJobs, nil); v != 5 {
		t.Errorf("before the next measurement the gauge shows %v, want 5", v)
	}
	again.Record(3)
	if v := recorder.Collect().Value(vllm.TieringActiveCascadeJobs, nil); v != 3 {
		t.Errorf("after it the gauge shows %v, want 3", v)
	}
}
