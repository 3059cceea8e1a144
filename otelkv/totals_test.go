// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestTotalsElsewhere(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Total](t)(engine.Int64Total(vllm.LoadBytes))
		seconds := must[otelkv.Float64Total](t)(engine.Float64Total(vllm.LoadTime))
		usage := must[otelkv.Float64Gauge](t)(engine.Float64Gauge(vllm.CPUCacheUsage))
		var source struct {
			bytes          int64
			seconds, usage float64
		}
		unregister := recorder.RegisterCallback(func(context.Context) error {
			loads.Observe(source.bytes)
			seconds.Observe(source.seconds)
			usage.Record(source.usage)
			return nil
		})
		delta := 0.0
		for _, step := range []struct {
			name           string
			bytes          int64
			seconds, usage float64
			wantBytes      float64
			wantSeconds    float64
			wantDelta      float64
		}{
			{"the first sight counts in full", 10, 1.5, 0.25, 10, 1.5, 10},
			{"what came since is added", 14, 2, 0.5, 14, 2, 4},
			{"nothing came", 14, 2, 0.5, 14, 2, 0},
			{"the source began again", 3, 0.5, 0, 17, 2.5, 3},
			{"and went on", 5, 0.75, 0.125, 19, 2.75, 2},
			{"it began again at zero", 0, 0, 0, 19, 2.75, 0},
		} {
			source.bytes, source.seconds, source.usage = step.bytes, step.seconds, step.usage
			got := recorder.Collect()
			if v := got.Value(vllm.LoadBytes, nil); v != step.wantBytes {
				t.Errorf("%s: %v bytes, want %v", step.name, v, step.wantBytes)
			}
			if v := got.Value(vllm.LoadTime, nil); v != step.wantSeconds {
				t.Errorf("%s: %v seconds, want %v", step.name, v, step.wantSeconds)
			}
			if v := got.Value(vllm.CPUCacheUsage, nil); v != step.usage {
				t.Errorf("%s: usage %v, want %v", step.name, v, step.usage)
			}
			if delta = recorder.CollectDelta().Value(vllm.LoadBytes, nil); delta != step.wantDelta {
				t.Errorf("%s: a delta of %v, want %v", step.name, delta, step.wantDelta)
			}
			if v := got.Value(vllm.TotalBytes, otelkvtest.Labels{"transfer_type": "CPU_to_GPU"}); v != step.wantBytes {
				t.Errorf("%s: the mirror shows %v bytes, want %v", step.name, v, step.wantBytes)
			}
		}
		unregister()
		unregister()
		source.bytes = 100
		if v := recorder.Collect().Value(vllm.LoadBytes, nil); v != 19 {
			t.Errorf("after the end of the registration the total is %v, want 19", v)
		}
	})
}

func TestTwoSourcesOfOneSeriesAddUp(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := addEngine(t, recorder, 0)
	for _, total := range []int64{10, 20} {
		source := must[otelkv.Int64Total](t)(engine.Int64Total(vllm.LoadBytes))
		source.Observe(total - 5)
		source.Observe(total)
	}
	if v := recorder.Collect().Value(vllm.LoadBytes, nil); v != 30 {
		t.Errorf("the series shows %v, want 30", v)
	}
}

func TestBadTotalsAreRefused(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := addEngine(t, recorder, 0)
	loads := must[otelkv.Int64Total](t)(engine.Int64Total(vllm.LoadBytes))
	seconds := must[otelkv.Float64Total](t)(engine.Float64Total(vllm.LoadTime))
	sizes := must[otelkv.HistogramTotal](t)(engine.HistogramTotal(vllm.LoadSize, vllm.LoadSize.Boundaries))
	loads.Observe(5)
	seconds.Observe(5)
	counts := make([]uint64, len(vllm.LoadSize.Boundaries)+1)
	sizes.Observe(counts, 0)
	for i, observe := range []func(){
		func() { loads.Observe(-1) },
		func() { seconds.Observe(-1) },
		func() { seconds.Observe(math.NaN()) },
		func() { seconds.Observe(math.Inf(1)) },
		func() { sizes.Observe(counts[1:], 0) },
		func() { sizes.Observe(counts, math.NaN()) },
	} {
		observe()
		if n := recorder.Statistics().Refused; n != int64(i+1) {
			t.Errorf("case %d: %d numbers refused, want %d", i, n, i+1)
		}
	}
	loads.Observe(6)
	seconds.Observe(6)
	got := recorder.Collect()
	if b, s := got.Value(vllm.LoadBytes, nil), got.Value(vllm.LoadTime, nil); b != 6 || s != 6 {
		t.Errorf("the totals are %v and %v, want 6", b, s)
	}
}

func TestBucketsElsewhere(t *testing.T) {
	sizes := schema.Histogram{Name: "x", PrometheusName: "x", Unit: "1", Description: "X.", Boundaries: []float64{1, 10}}
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(sizes))
	engine := addEngine(t, recorder, 0)
	total := must[otelkv.HistogramTotal](t)(engine.HistogramTotal(sizes, []float64{0.5, 1, 5, 10, 20}))
	for _, step := range []struct {
		name                  string
		counts                []uint64
		sum                   float64
		cumulative, delta     []uint64
		wantSum, wantDeltaSum float64
	}{
		{"empty", []uint64{0, 0, 0, 0, 0, 0}, 0, []uint64{0, 0, 0}, []uint64{0, 0, 0}, 0, 0},
		{"buckets in between add up", []uint64{1, 2, 3, 4, 5, 6}, 100, []uint64{3, 7, 11}, []uint64{3, 7, 11}, 100, 100},
		{"what came since is added", []uint64{1, 2, 4, 4, 5, 7}, 130, []uint64{3, 8, 12}, []uint64{0, 1, 1}, 130, 30},
		{"the source began again", []uint64{1, 0, 0, 0, 0, 0}, 0.5, []uint64{4, 8, 12}, []uint64{1, 0, 0}, 130.5, 0.5},
	} {
		total.Observe(step.counts, step.sum)
		if got := recorder.Collect().Point(sizes, nil); !slices.Equal(got.Buckets, step.cumulative) || got.Sum != step.wantSum {
			t.Errorf("%s: the buckets are %v of sum %v, want %v of %v", step.name, got.Buckets, got.Sum, step.cumulative, step.wantSum)
		}
		if got := recorder.CollectDelta().Point(sizes, nil); !slices.Equal(got.Buckets, step.delta) || got.Sum != step.wantDeltaSum {
			t.Errorf("%s: the delta is %v of sum %v, want %v of %v", step.name, got.Buckets, got.Sum, step.delta, step.wantDeltaSum)
		}
	}
}

func TestTotalBindErrors(t *testing.T) {
	engine := addEngine(t, otelkvtest.NewRecorder(t, vllm.TieringSpec()), 0)
	histogram := func(e *otelkv.Engine, boundaries []float64) error {
		_, err := e.HistogramTotal(vllm.LoadSize, boundaries)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want error
		text string
	}{
		"label count":       {func() error { _, err := engine.Int64Total(vllm.TieringReadBytes); return err }(), otelkv.ErrLabelValues, "expects 1 labels"},
		"unknown metric":    {func() error { _, err := engine.Int64Total(vllm.SimpleLoadBlocks); return err }(), otelkv.ErrUnknownMetric, "not in the catalogue"},
		"float label count": {func() error { _, err := engine.Float64Total(vllm.LoadTime, "x"); return err }(), otelkv.ErrLabelValues, "expects 0 labels"},
		"boundary missing":  {histogram(engine, vllm.LoadSize.Boundaries[1:]), nil, "boundaries do not fit: expected 1e+06 among"},
		"infinite boundary": {histogram(engine, append(slices.Clone(vllm.LoadSize.Boundaries), math.Inf(1))), nil, "not finite"},
		"boundary is NaN":   {histogram(engine, append([]float64{math.NaN()}, vllm.LoadSize.Boundaries...)), nil, "not finite"},
		"boundary twice":    {histogram(engine, append([]float64{vllm.LoadSize.Boundaries[0]}, vllm.LoadSize.Boundaries...)), nil, "do not ascend"},
		"not ascending":     {histogram(engine, []float64{2, 1}), nil, "do not ascend"},
	} {
		if c.err == nil || c.want != nil && !errors.Is(c.err, c.want) || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("%s: got %v, want one that wraps %q and says %q", name, c.err, c.want, c.text)
		}
	}
	otelkv.Int64Total{}.Observe(1)
	otelkv.Float64Total{}.Observe(1)
	otelkv.HistogramTotal{}.Observe(nil, 1)
}

// A total that comes with an error refuses, as a counter that comes with an error does.
func TestUnboundTotalsAreRefused(t *testing.T) {
	r := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := addEngine(t, r, 0)
	ints, _ := engine.Int64Total(vllm.SimpleLoadBlocks)
	floats, _ := engine.Float64Total(vllm.LoadTime, "x")
	ints.Observe(1)
	floats.Observe(1)
	if got := r.Statistics().Refused; got != 2 {
		t.Errorf("%d numbers were refused, want 2", got)
	}
}

// TestCallbacksDoNotOverlap: of two collections at the same time, the one that
// read the source first must also be the one that observes first.
func TestCallbacksDoNotOverlap(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Total](t)(engine.Int64Total(vllm.LoadBytes))
		var source, running atomic.Int64
		var second sync.WaitGroup
		recorder.RegisterCallback(func(context.Context) error {
			total := source.Add(10)
			if running.Add(1) != 1 {
				t.Error("two calls are under way")
			}
			if total == 10 {
				second.Go(func() { recorder.CollectDelta() })
				// The other collection gets every chance to call.
				for range 10_000 {
					runtime.Gosched()
				}
			}
			loads.Observe(total)
			running.Add(-1)
			return nil
		})
		recorder.Collect()
		second.Wait()
		if v := recorder.Collect().Value(vllm.LoadBytes, nil); v != float64(source.Load()) {
			t.Errorf("the series shows %v, want %d", v, source.Load())
		}
	})
}

func TestACallbackThatPanicsLosesNothingElse(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Total](t)(engine.Int64Total(vllm.LoadBytes))
		recorder.RegisterCallback(func(context.Context) error { panic("a source that is gone") })
		recorder.RegisterCallback(func(context.Context) error { loads.Observe(7); return nil })
		if v := recorder.Collect().Value(vllm.LoadBytes, nil); v != 7 {
			t.Errorf("the series shows %v, want 7", v)
		}
	})
}

func TestTotalsDoNotAllocate(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := addEngine(t, recorder, 0)
	loads := must[otelkv.Int64Total](t)(engine.Int64Total(vllm.LoadBytes))
	sizes := must[otelkv.HistogramTotal](t)(engine.HistogramTotal(vllm.LoadSize, vllm.LoadSize.Boundaries))
	counts := make([]uint64, len(vllm.LoadSize.Boundaries)+1)
	total := int64(0)
	if n := testing.AllocsPerRun(100, func() {
		total++
		counts[0]++
		loads.Observe(total)
		sizes.Observe(counts, float64(total))
	}); n != 0 {
		t.Errorf("observing totals allocates %v times", n)
	}
}
