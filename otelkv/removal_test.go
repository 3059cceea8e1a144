// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestARemovedEngineIsCollectedOnceMoreByEveryReader(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine, stays := addEngine(t, recorder, 0), addEngine(t, recorder, 1)
	loads := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes))
	sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
	must[otelkv.Int64Counter](t)(stays.Int64Counter(vllm.LoadBytes)).Add(3)
	loads.Add(1)
	recorder.CollectDelta()
	loads.Add(4)
	sizes.Record(16)
	before := recorder.Statistics().Series
	engine.Remove()
	engine.Remove()
	for name, c := range map[string]struct {
		collect func() *otelkvtest.Metrics
		loads   float64
	}{
		"cumulative": {recorder.Collect, 5},
		"delta":      {recorder.CollectDelta, 4},
	} {
		last := c.collect()
		if got := last.Value(vllm.LoadBytes, engineLabels("0")); got != c.loads {
			t.Errorf("%s: the last collection shows %v, want %v", name, got, c.loads)
		}
		if got := last.Point(vllm.LoadSize, engineLabels("0")); got.Count != 1 || got.Sum != 16 {
			t.Errorf("%s: the last collection shows %d samples of sum %v, want 1 of 16", name, got.Count, got.Sum)
		}
		after := c.collect()
		for d := range vllm.TieringSpec().All() {
			if after.Has(d, engineLabels("0")) {
				t.Errorf("%s: %s is still there after the last collection", name, d.Name)
			}
		}
		if !after.Has(vllm.LoadBytes, engineLabels("1")) {
			t.Errorf("%s: the other engine is gone too", name)
		}
	}
	if got := recorder.Collect().Value(vllm.LoadBytes, engineLabels("1")); got != 3 {
		t.Errorf("the total of the other engine is %v, want 3", got)
	}
	if after := recorder.Statistics().Series; after >= before {
		t.Errorf("%d series are counted after the removal, %d before", after, before)
	}
}

func TestAnEngineThatComesBackGoesOnUntilEveryReaderWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
		engine := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(5)
		first := recorder.Collect().Point(vllm.LoadBytes, nil)
		recorder.CollectDelta()
		time.Sleep(time.Second)
		engine.Remove()
		recorder.Collect() // The other reader was not told.
		time.Sleep(time.Second)
		again := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(again.Int64Counter(vllm.LoadBytes)).Add(2)
		if got := recorder.Collect().Point(vllm.LoadBytes, nil); got.Value != 7 || !got.Start.Equal(first.Start) {
			t.Errorf("the series that goes on shows %v since %v, want 7 since %v", got.Value, got.Start, first.Start)
		}
		if got := recorder.CollectDelta().Value(vllm.LoadBytes, nil); got != 2 {
			t.Errorf("the delta is %v, want 2", got)
		}
	})
}

func TestAnEngineThatComesBackLaterStartsNewSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
		engine := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(5)
		engine.Remove()
		recorder.Collect()
		recorder.CollectDelta()
		time.Sleep(time.Second)
		restarted := time.Now()
		again := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(again.Int64Counter(vllm.LoadBytes)).Add(2)
		if got := recorder.Collect().Point(vllm.LoadBytes, nil); got.Value != 2 || !got.Start.Equal(restarted) {
			t.Errorf("the new series shows %v since %v, want 2 since %v", got.Value, got.Start, restarted)
		}
		if got := recorder.CollectDelta().Value(vllm.LoadBytes, nil); got != 2 {
			t.Errorf("the first delta of the new series is %v, want 2", got)
		}
	})
}

// TestRestartsBetweenTwoCollections: an engine that restarts a hundred times, and a
// neighbour that does once, show all that they counted at the next collection.
func TestRestartsBetweenTwoCollections(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		life := func(index int) {
			engine := addEngine(t, recorder, index)
			must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(70)
			must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize)).Record(1)
			engine.Remove()
		}
		life(1)
		recorder.Collect()
		recorder.CollectDelta()
		for range 100 {
			life(0)
		}
		life(1)
		for name, want := range map[string]struct {
			got              *otelkvtest.Metrics
			first, neighbour float64
		}{
			"cumulative": {recorder.Collect(), 7000, 70},
			"delta":      {recorder.CollectDelta(), 7000, 70},
		} {
			if !onProducer(t) && name == "cumulative" {
				want.neighbour = 140
			}
			if got := want.got.Value(vllm.LoadBytes, engineLabels("0")); got != want.first {
				t.Errorf("%s: the engine that restarted shows %v, want %v", name, got, want.first)
			}
			if got := want.got.Point(vllm.LoadSize, engineLabels("0")); got.Count != 100 {
				t.Errorf("%s: the engine that restarted shows %d samples, want 100", name, got.Count)
			}
			if got := want.got.Value(vllm.LoadBytes, engineLabels("1")); got != want.neighbour {
				t.Errorf("%s: the neighbour shows %v, want %v", name, got, want.neighbour)
			}
		}
	})
}

// TestManyLeaveAtOnce: all of many engines that leave between two collections are
// told.
func TestManyLeaveAtOnce(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec(), otelkv.WithSeriesLimits(-1, 0))
	const engines = 300
	for index := range engines {
		addEngine(t, recorder, index, otelkv.WithPriming(), otelkv.WithTiers("fs"))
	}
	series := 0
	for index := range engines {
		engine, err := recorder.Engine(index)
		if err != nil {
			t.Fatal(err)
		}
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(1001)
		engine.Remove()
	}
	for _, p := range recorder.Collect().Select(vllm.LoadBytes, nil) {
		series += int(p.Value)
	}
	if want := engines * 1001; series != want {
		t.Errorf("the engines that left show %d in all, want %d", series, want)
	}
	if dropped := recorder.Statistics().Dropped; dropped != 0 {
		t.Errorf("%d series were dropped", dropped)
	}
}

func TestARemovedTier(t *testing.T) {
	inFakeTime(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0, otelkv.WithTiers("fs", "obj"), otelkv.WithPriming())
		fs := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, "1:fs"))
		fs.Add(1)
		recorder.Collect()
		if err := engine.RemoveTier("1:fs"); err != nil {
			t.Fatal(err)
		}
		recorder.Collect()
		recorder.CollectDelta()
		time.Sleep(2 * removalDelay)
		got := recorder.Collect()
		if got.Has(vllm.TieringReadBytes, tierLabels("0", "1:fs")) {
			t.Error("the removed tier has series")
		}
		if !got.Has(vllm.TieringReadBytes, tierLabels("0", "2:obj")) {
			t.Error("the other tier has none")
		}
		fs.Add(1)
		if recorder.Collect().Has(vllm.TieringReadBytes, tierLabels("0", "1:fs")) {
			t.Error("a series that was bound before the removal came back")
		}
		if err := engine.AddTiers("fs"); err != nil {
			t.Fatal(err)
		}
		if v := recorder.Collect().Value(vllm.TieringReadBytes, tierLabels("0", "1:fs")); v != 0 {
			t.Errorf("the tier that came back shows %v, want 0", v)
		}
	})
}

func TestRemovedConnector(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec(),
		otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"}))
	engine := addEngine(t, recorder, 0)
	must[otelkv.Int64Counter](t)(engine.Connector("A").Int64Counter(vllm.LoadBytes)).Add(1)
	engine.Connector("A").Remove()
	recorder.Collect()
	recorder.CollectDelta()
	if recorder.Collect().Has(vllm.LoadBytes, otelkvtest.Labels{"connector": "A"}) {
		t.Error("the connector still has series")
	}
	if _, err := recorder.Engine(0); err != nil {
		t.Errorf("the engine went with its connector: %v", err)
	}
	must[otelkv.Int64Counter](t)(engine.Connector("A").Int64Counter(vllm.LoadBytes)).Add(2)
	if got := recorder.Collect().Value(vllm.LoadBytes, otelkvtest.Labels{"connector": "A"}); got != 2 {
		t.Errorf("the connector that came back shows %v, want 2", got)
	}
	engine.Remove()
	if _, err := engine.Connector("A").Int64Counter(vllm.LoadBytes); !errors.Is(err, otelkv.ErrRemoved) {
		t.Errorf("binding to a connector of a removed engine: got %v, want %v", err, otelkv.ErrRemoved)
	}
	if _, err := engine.Connector("B").Int64Counter(vllm.LoadBytes); !errors.Is(err, otelkv.ErrRemoved) {
		t.Errorf("binding to a new connector of a removed engine: got %v, want %v", err, otelkv.ErrRemoved)
	}
}

// TestAReaderThatNeverCollects: what departs for it must not grow without end, and
// what is dropped is counted.
func TestAReaderThatNeverCollects(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec(), otelkv.WithSelfMetrics())
	const lives = 3000
	for index := range lives {
		engine := addEngine(t, recorder, index, otelkv.WithPriming(), otelkv.WithTiers("fs", "obj"))
		recorder.Collect()
		engine.Remove()
	}
	if n := recorder.Statistics().Series; n != 0 {
		t.Errorf("%d series are counted, want 0", n)
	}
	dropped := recorder.Statistics().Dropped
	if got := recorder.Collect().Value(selfmetrics.DroppedSeries, nil); dropped == 0 || got != float64(dropped) {
		t.Errorf("%d series were dropped, want some, and the self-metric shows %v", dropped, got)
	}
	if told := len(recorder.CollectDelta().Select(vllm.LoadBytes, nil)); told == 0 || told >= lives {
		t.Errorf("the reader that did not collect was told of %d engines of %d, want some", told, lives)
	}
}

// finishing is a provider whose histograms can be finished.
type finishing struct {
	noop.MeterProvider
	histograms map[string]*finishingHistogram
}

type finishingMeter struct {
	noop.Meter
	provider *finishing
}

type finishingHistogram struct {
	noop.Float64Histogram
	recorded, finished []attribute.Set
}

func (p *finishing) Meter(string, ...metric.MeterOption) metric.Meter {
	return finishingMeter{provider: p}
}

func (m finishingMeter) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h := &finishingHistogram{}
	m.provider.histograms[name] = h
	return h, nil
}

func (h *finishingHistogram) Record(_ context.Context, _ float64, options ...metric.RecordOption) {
	h.recorded = append(h.recorded, metric.NewRecordConfig(options).Attributes())
}

func (h *finishingHistogram) Finish(_ context.Context, attributes ...attribute.KeyValue) {
	h.finished = append(h.finished, attribute.NewSet(attributes...))
}

func TestHistogramsThatCanFinishDo(t *testing.T) {
	for name, end := range map[string]func(*otelkv.Recorder, *otelkv.Engine) error{
		"with their engine":   func(_ *otelkv.Recorder, e *otelkv.Engine) error { e.Remove(); return nil },
		"with their recorder": func(r *otelkv.Recorder, _ *otelkv.Engine) error { return r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			provider := &finishing{histograms: make(map[string]*finishingHistogram)}
			recorder, err := otelkv.New(vllm.TieringSpec())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := recorder.RegisterInstruments(provider); err != nil {
				t.Fatal(err)
			}
			engine, err := recorder.AddEngine(0, "m")
			if err != nil {
				t.Fatal(err)
			}
			sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
			sizes.Record(1)
			if err := end(recorder, engine); err != nil {
				t.Fatal(err)
			}
			sizes.Record(1)
			for _, name := range []string{vllm.LoadSize.Name, vllm.Size.Name} {
				h := provider.histograms[name]
				if len(h.recorded) != 1 {
					t.Errorf("%s was recorded to %d times, want once, before the end", name, len(h.recorded))
				}
				if len(h.finished) == 0 || !slices.ContainsFunc(h.finished, func(s attribute.Set) bool { return s.Equals(&h.recorded[0]) }) {
					t.Errorf("%s finished %v, want %v", name, h.finished, h.recorded)
				}
			}
		})
	}
}

func TestAFailedAddEngineLeavesNothing(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	addEngine(t, recorder, 0, otelkv.WithPriming())
	before := recorder.Statistics().Series
	if _, err := recorder.AddEngine(0, "other", otelkv.WithPriming()); !errors.Is(err, otelkv.ErrEngineExists) {
		t.Fatalf("got %v, want %v", err, otelkv.ErrEngineExists)
	}
	if after := recorder.Statistics().Series; after != before {
		t.Errorf("%d series are counted after the failure, want %d", after, before)
	}
}

// TestClose: a closed recorder is told once more, and takes no engine.
func TestClose(t *testing.T) {
	inFakeTime(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes))
		must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize)).Record(1)
		recorder.RegisterCallback(func(context.Context) error { loads.Add(1); return nil })
		for range 2 {
			if err := recorder.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for name, got := range map[string]*otelkvtest.Metrics{"cumulative": recorder.Collect(), "delta": recorder.CollectDelta()} {
			if v := got.Value(vllm.LoadBytes, nil); v != 1 {
				t.Errorf("%s: after the end the counter shows %v, want the 1 of the last callback", name, v)
			}
			if n := got.Point(vllm.LoadSize, nil).Count; n != 1 {
				t.Errorf("%s: after the end the histogram shows %d samples, want 1", name, n)
			}
		}
		time.Sleep(2 * removalDelay)
		var left []string
		if !onProducer(t) {
			// The SDK's instruments cannot finish a series.
			left = []string{vllm.LoadSize.Name, vllm.Size.Name}
		}
		if names := recorder.Collect().Names(); !slices.Equal(names, left) {
			t.Errorf("later it shows %q, want %q", names, left)
		}
		if _, err := recorder.AddEngine(1, "m"); err == nil || err.Error() != "otelkv: engine 1: the recorder was closed" {
			t.Errorf("adding an engine to a closed recorder: got %v", err)
		}
		if _, err := engine.Int64Counter(vllm.LoadBytes); !errors.Is(err, otelkv.ErrRemoved) {
			t.Errorf("binding on a closed recorder: got %v, want %v", err, otelkv.ErrRemoved)
		}
	})
}
