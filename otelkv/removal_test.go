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

func TestAnEngineThatComesBackStartsNewSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
		engine := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(5)
		first := recorder.Collect().Point(vllm.LoadBytes, nil)
		recorder.CollectDelta()
		time.Sleep(time.Second)
		engine.Remove()
		time.Sleep(time.Second)
		restarted := time.Now()
		again := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(again.Int64Counter(vllm.LoadBytes)).Add(2)
		if got := recorder.Collect().Point(vllm.LoadBytes, nil); got.Value != 5 || !got.Start.Equal(first.Start) {
			t.Errorf("the last collection of the old series shows %v since %v, want 5 since %v", got.Value, got.Start, first.Start)
		}
		got := recorder.Collect().Point(vllm.LoadBytes, nil)
		if got.Value != 2 || !got.Start.Equal(restarted) {
			t.Errorf("the new series shows %v since %v, want 2 since %v", got.Value, got.Start, restarted)
		}
		if got := recorder.CollectDelta().Value(vllm.LoadBytes, nil); got != 0 {
			t.Errorf("the last delta of the old series is %v, want 0", got)
		}
		if got := recorder.CollectDelta().Value(vllm.LoadBytes, nil); got != 2 {
			t.Errorf("the first delta of the new series is %v, want 2", got)
		}
	})
}

func TestAnEngineThatComesAndGoesIsReportedInOrder(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	const lives = 3
	for life := range lives {
		engine := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(int64(life + 1))
		engine.Remove()
	}
	for life := range lives {
		for _, got := range []*otelkvtest.Metrics{recorder.Collect(), recorder.CollectDelta()} {
			if v := got.Value(vllm.LoadBytes, nil); v != float64(life+1) {
				t.Errorf("collection %d shows %v, want %d", life+1, v, life+1)
			}
		}
	}
	if recorder.Collect().Has(vllm.LoadBytes, nil) {
		t.Error("a series is left after the last life")
	}
}

func TestARemovedTier(t *testing.T) {
	inFakeTime(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0, otelkv.WithTiers("1:fs", "2:obj"), otelkv.WithPriming())
		fs := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, "1:fs"))
		fs.Add(1)
		recorder.Collect()
		engine.RemoveTier("1:fs")
		recorder.Collect()
		time.Sleep(2 * otelkv.DefaultRemovalDelay)
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
		if err := engine.AddTiers("1:fs"); err != nil {
			t.Fatal(err)
		}
		if v := recorder.Collect().Value(vllm.TieringReadBytes, tierLabels("0", "1:fs")); v != 0 {
			t.Errorf("the tier that came back shows %v, want 0", v)
		}
	})
}

func TestRemovedConnector(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec(),
		otelkvtest.WithRecorderOptions(otelkv.WithConnectorLabelName("connector")))
	engine := addEngine(t, recorder, 0)
	must[otelkv.Int64Counter](t)(engine.Connector("A").Int64Counter(vllm.LoadBytes)).Add(1)
	engine.Connector("A").Remove()
	recorder.Collect()
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

// TestAReaderThatNeverCollects: neither what departs for it, nor what it was told
// before, may grow without end.
func TestAReaderThatNeverCollects(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	const lives = 1000
	for range lives {
		engine := addEngine(t, recorder, 0, otelkv.WithPriming(), otelkv.WithTiers("1:fs", "2:obj"))
		recorder.Collect()
		engine.Remove()
	}
	if n := recorder.Statistics().Series; n != 0 {
		t.Errorf("%d series are counted, want 0", n)
	}
	collections := 0
	for ; collections < lives && recorder.CollectDelta().Has(vllm.LoadBytes, nil); collections++ {
	}
	if collections == 0 || collections > lives/4 {
		t.Errorf("the reader that did not collect was kept %d departures of %d, want some", collections, lives)
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
			recorder, err := otelkv.New(vllm.TieringSpec(), otelkv.WithMeterProvider(provider))
			if err != nil {
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

func TestClose(t *testing.T) {
	onBothWaysOut(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes))
		sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
		loads.Add(1)
		sizes.Record(1)
		if err := recorder.Close(); err != nil {
			t.Fatal(err)
		}
		loads.Add(1)
		sizes.Record(1)
		must[otelkv.Histogram](t)(engine.Histogram(vllm.LookupSyncDelay)).Record(1)
		got := recorder.Collect()
		var left []string
		if !onPipeline(t) {
			// The SDK's instruments cannot finish a series.
			left = []string{vllm.LoadSize.Name, vllm.Size.Name}
			if n := got.Point(vllm.LoadSize, nil).Count; n != 1 {
				t.Errorf("a closed recorder has recorded %d samples, want the one from before", n)
			}
		}
		if names := got.Names(); !slices.Equal(names, left) {
			t.Errorf("a closed recorder shows %q, want %q", names, left)
		}
		if _, err := recorder.AddEngine(1, "m"); !errors.Is(err, otelkv.ErrClosed) {
			t.Errorf("adding an engine to a closed recorder: got %v, want %v", err, otelkv.ErrClosed)
		}
	})
}
