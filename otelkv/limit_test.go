// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestAMillionLabelValues attacks with label values that never repeat: the series,
// the heap and what is collected stay bounded, and no increment is lost.
func TestAMillionLabelValues(t *testing.T) {
	values := 1_000_000
	if testing.Short() {
		values = 50_000
	}
	catalogue := schema.MustCatalogue(vllm.TieringReadBytes)
	byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0, otelkv.WithTiers("fs"))
		p := new(stats.Payload)
		before := heap()
		for i := range values {
			p.Reset()
			tier := fmt.Sprintf("%d:attack", i)
			if i%1000 == 999 {
				tier = "1:fs"
			}
			if err := errors.Join(p.AddCounter("vllm:kv_offload_tiering_read_bytes", stats.Int64(1), tier), engine.Observe(t.Context(), p)); err != nil {
				t.Fatal(err)
			}
		}
		if grown := heap() - before; grown > 8<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		got := recorder.Collect()
		points := got.Select(vllm.TieringReadBytes, nil)
		if most := defaultSeriesLimit + 2; len(points) > most {
			t.Errorf("%d series, want at most %d", len(points), most)
		}
		total := 0.0
		for _, p := range points {
			total += p.Value
			if engine, ok := p.Attributes.Value(schema.LabelEngine); !ok || engine.AsString() != "0" {
				t.Errorf("series %v lost its engine", p.Attributes)
			}
		}
		if total != float64(values) {
			t.Errorf("the total is %v, want %d", total, values)
		}
		if v := got.Value(vllm.TieringReadBytes, tierLabels("0", "1:fs")); v != float64(values/1000) {
			t.Errorf("the declared tier shows %v, want %d", v, values/1000)
		}
		folded := got.Value(vllm.TieringReadBytes, tierLabels("0", otelkv.Other))
		if n := recorder.Statistics().Folded; float64(n) != folded {
			t.Errorf("%d folds are counted, want %v", n, folded)
		}
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestLimits(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.TieringReadBytes, vllm.TieringWriteBytes, vllm.LoadBytes)
	const tiers = 10
	for name, c := range map[string]struct {
		options []otelkv.Option
		declare []string
		want    int // series in all
		folded  int
	}{
		"none":              {[]otelkv.Option{otelkv.WithSeriesLimits(-1, -1)}, nil, 2*tiers + 1, 0},
		"per definition":    {[]otelkv.Option{otelkv.WithSeriesLimits(3, 0)}, nil, 2*(3+1) + 1, 2 * (tiers - 3)},
		"overall":           {[]otelkv.Option{otelkv.WithSeriesLimits(0, 5)}, nil, 5 + 1 + 1 + 1, 2*tiers - 5},
		"declared tiers":    {[]otelkv.Option{otelkv.WithSeriesLimits(3, 0)}, []string{"t", "t"}, 2*(3+2+1) + 1, 2 * 5},
		"declared all":      {[]otelkv.Option{otelkv.WithSeriesLimits(0, 1)}, []string{"t", "t", "t", "t", "t", "t", "t", "t", "t"}, 2*tiers + 1, 2},
		"of the definition": {[]otelkv.Option{otelkv.WithSeriesLimits(1, 0)}, nil, 2*(1+1) + 1, 2 * (tiers - 1)},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
				engine := addEngine(t, recorder, 0, otelkv.WithTiers(c.declare...))
				// Nobody declares the tier with the index 0, and those declared come last but it.
				for i := range tiers {
					tier := fmt.Sprintf("%d:t", tiers-1-i)
					must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, tier)).Add(1)
					must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringWriteBytes, tier)).Add(1)
				}
				must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(1)
				got, series := recorder.Collect(), 0
				for d := range catalogue.All() {
					total := 0.0
					for _, p := range got.Select(d, nil) {
						series++
						total += p.Value
					}
					if want := max(1, tiers*len(d.LabelNames)); total != float64(want) {
						t.Errorf("%s adds up to %v, want %d", d.Name, total, want)
					}
				}
				if s := recorder.Statistics(); series != c.want || s.Series != int64(c.want) || s.Folded != int64(c.folded) {
					t.Errorf("%d series, %d counted, %d folds, want %d and %d", series, s.Series, s.Folded, c.want, c.folded)
				}
			}, c.options...)
		})
	}
}

func TestARemovedTierFoldsAsAnyOther(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.TieringReadBytes), otelkv.WithSeriesLimits(1, 0))
	engine := addEngine(t, recorder, 0, otelkv.WithTiers("fs", "obj"))
	if err := engine.RemoveTier("2:obj"); err != nil {
		t.Fatal(err)
	}
	for _, tier := range []string{"1:fs", "2:obj"} {
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, tier)).Add(1)
	}
	got := recorder.Collect()
	if got.Has(vllm.TieringReadBytes, tierLabels("0", "2:obj")) || !got.Has(vllm.TieringReadBytes, tierLabels("0", otelkv.Other)) {
		t.Error("the removed tier does not fold")
	}
}

func TestListedLabelValuesDoNotFold(t *testing.T) {
	outcomes := schema.Int64Counter{Name: "x", PrometheusName: "x", Unit: "1", Description: "X.",
		LabelNames: []string{"outcome", "tier"}, LabelValues: map[string][]string{"outcome": {"good", "bad"}}}
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(outcomes), otelkv.WithSeriesLimits(1, 0))
	engine := addEngine(t, recorder, 0)
	for _, values := range [][]string{{"first", "1:fs"}, {"good", "1:fs"}, {"bad", "1:fs"}, {"third", "1:fs"}} {
		must[otelkv.Int64Counter](t)(engine.Int64Counter(outcomes, values...)).Add(1)
	}
	got := recorder.Collect()
	for _, labels := range []otelkvtest.Labels{
		{"outcome": "first", "tier": "1:fs"}, {"outcome": "good", "tier": "other"},
		{"outcome": "bad", "tier": "other"}, {"outcome": "other", "tier": "other"},
	} {
		if v := got.Value(outcomes, labels); v != 1 {
			t.Errorf("%v shows %v, want 1", labels, v)
		}
	}
}

func TestInfoDoesNotFold(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.ConfigInfo("a")),
		otelkv.WithSeriesLimits(1, 1))
	for index := range 3 {
		p := new(stats.Payload)
		p.SetInfo(map[string]string{"a": fmt.Sprint(index)})
		if err := addEngine(t, recorder, index).Observe(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(recorder.Collect().Select(vllm.ConfigInfo("a"), otelkvtest.Labels{"a": "other"})); n != 0 {
		t.Errorf("%d infos were folded", n)
	}
}

func TestRemovalMakesRoom(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.TieringReadBytes), otelkv.WithSeriesLimits(2, 0))
	first, second := addEngine(t, recorder, 0), addEngine(t, recorder, 1)
	bind := func(e *otelkv.Engine, tier string) {
		must[otelkv.Int64Counter](t)(e.Int64Counter(vllm.TieringReadBytes, tier)).Add(1)
	}
	bind(first, "1:a")
	bind(first, "1:b")
	bind(second, "1:c")
	first.Remove()
	bind(second, "1:d")
	got := recorder.Collect()
	if !got.Has(vllm.TieringReadBytes, tierLabels("1", "other")) || !got.Has(vllm.TieringReadBytes, tierLabels("1", "1:d")) {
		t.Error("the series after the removal folded, or the one before did not")
	}
}

// TestConcurrentUse is for the race detector: everything that may happen at the
// same time does.
func TestConcurrentUse(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		const rounds = 50
		stays := addEngine(t, recorder, 9)
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for i := range rounds {
					engine, err := recorder.AddEngine(worker, "m", otelkv.WithTiers("fs"), otelkv.WithPriming())
					if err != nil {
						t.Error(err)
						return
					}
					p := new(stats.Payload)
					p.SetInfo(map[string]string{"cpu_num_chunks": fmt.Sprint(i)})
					err = errors.Join(
						p.AddCounter("vllm:kv_offload_load_bytes", stats.Int64(1)),
						p.RecordHistogram("vllm:kv_offload_load_size", stats.Int64(1)),
						engine.Observe(t.Context(), p), stays.Observe(t.Context(), p),
						engine.AddTiers("obj"), engine.RemoveTier("1:fs"))
					if err != nil && !strings.Contains(err.Error(), "removed") {
						t.Error(err)
					}
					engine.Remove()
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				for range rounds {
					recorder.Collect()
					recorder.CollectDelta()
					recorder.Statistics()
				}
			})
		}
		wg.Wait()
		recorder.Collect()
		if v := recorder.Collect().Value(vllm.LoadBytes, engineLabels("9")); v != 4*rounds {
			t.Errorf("the engine that stayed shows %v, want %d", v, 4*rounds)
		}
		if v := recorder.Collect().Value(vllm.LoadSize, engineLabels("9")); v != 4*rounds {
			t.Errorf("its histogram has %v samples, want %d", v, 4*rounds)
		}
	})
}

// TestLimitsHoldForEnginesAtOnce: the limit is over all engines, also where each
// of them makes series at the same time. Only a folded series may come on top.
func TestLimitsHoldForEnginesAtOnce(t *testing.T) {
	const engines, limit = 8, 200
	for name, option := range map[string]otelkv.Option{
		"per definition": otelkv.WithSeriesLimits(limit, 0), "overall": otelkv.WithSeriesLimits(0, limit),
	} {
		t.Run(name, func(t *testing.T) {
			recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.TieringReadBytes), option)
			var wg sync.WaitGroup
			for index := range engines {
				engine := addEngine(t, recorder, index)
				wg.Go(func() {
					for i := range limit {
						must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, fmt.Sprintf("%d:t", i))).Add(1)
					}
				})
			}
			wg.Wait()
			own := 0
			for _, p := range recorder.Collect().Select(vllm.TieringReadBytes, nil) {
				if tier, _ := p.Attributes.Value("tier"); tier.AsString() != otelkv.Other {
					own++
				}
			}
			if own != limit {
				t.Errorf("%d series have label values of their own, want %d", own, limit)
			}
		})
	}
}

// What found no room under the limit of the recorder takes none under that of its
// metric, so that the metric has all of it when there is room again.
func TestFoldsTakeNoRoom(t *testing.T) {
	const limit = 3
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.TieringReadBytes, vllm.TieringWriteBytes),
		otelkv.WithSeriesLimits(limit, limit))
	for index, others := range []int{1, 0} {
		engine := addEngine(t, recorder, index)
		for range others {
			must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringWriteBytes, "0:t")).Add(1)
		}
		for i := range 10 {
			must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, fmt.Sprintf("%d:t", i))).Add(1)
		}
		folded := tierLabels(fmt.Sprint(index), otelkv.Other)
		if v, want := recorder.Collect().Value(vllm.TieringReadBytes, folded), 10-limit+others; v != float64(want) {
			t.Errorf("engine %d: %v tiers folded, want %d", index, v, want)
		}
		engine.Remove()
	}
}
