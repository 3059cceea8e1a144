// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestBoundSeries(t *testing.T) {
	catalogue := vllm.TieringSpec()
	byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes))
		seconds := must[otelkv.Float64Counter](t)(engine.Float64Counter(vllm.TieringReadTime, "1:fs"))
		jobs := must[otelkv.Int64Gauge](t)(engine.Int64Gauge(vllm.TieringActivePromotionJobs, "1:fs"))
		usage := must[otelkv.Float64Gauge](t)(engine.Float64Gauge(vllm.CPUCacheUsage))
		sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
		if recorder.Collect().Has(vllm.LoadBytes, nil) {
			t.Error("a bound series shows before its first measurement")
		}
		loads.Add(24)
		seconds.Add(0.5)
		jobs.Record(-3)
		usage.Record(0.25)
		sizes.Record(16)
		got := recorder.Collect()
		for _, want := range []struct {
			metric schema.Metric
			labels otelkvtest.Labels
			value  float64
		}{
			{vllm.LoadBytes, engineLabels("0"), 24},
			{vllm.TieringReadTime, tierLabels("0", "1:fs"), 0.5},
			{vllm.TieringActivePromotionJobs, tierLabels("0", "1:fs"), -3},
			{vllm.CPUCacheUsage, engineLabels("0"), 0.25},
			{vllm.LoadSize, engineLabels("0"), 1},
			{vllm.TotalBytes, otelkvtest.Labels{"transfer_type": "CPU_to_GPU"}, 24},
			{vllm.TotalBytes, otelkvtest.Labels{"transfer_type": "GPU_to_CPU"}, 0},
			{vllm.Size, otelkvtest.Labels{"transfer_type": "CPU_to_GPU"}, 1},
		} {
			if v := got.Value(want.metric, want.labels); v != want.value {
				t.Errorf("%s%v = %v, want %v", want.metric.Definition().Name, want.labels, v, want.value)
			}
		}
		if err := otelkvtest.Check(catalogue, got.ResourceMetrics); err != nil {
			t.Error(err)
		}
	})
}

func TestBindingTwiceGivesTheSameSeries(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := addEngine(t, recorder, 0)
	first := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, "1:fs"))
	second := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, "1:fs"))
	if first != second {
		t.Error("two bindings of one series differ")
	}
}

func TestBadNumbersAreRefusedAndCounted(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes))
		seconds := must[otelkv.Float64Counter](t)(engine.Float64Counter(vllm.LoadTime))
		usage := must[otelkv.Float64Gauge](t)(engine.Float64Gauge(vllm.CPUCacheUsage))
		sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
		loads.Add(7)
		seconds.Add(1.5)
		usage.Record(0.5)
		sizes.Record(16)
		for name, c := range map[string]struct {
			record func()
			metric schema.Metric
			want   float64
		}{
			"negative int64 increment":   {func() { loads.Add(-1) }, vllm.LoadBytes, 7},
			"negative float64 increment": {func() { seconds.Add(-0.5) }, vllm.LoadTime, 1.5},
			"NaN increment":              {func() { seconds.Add(math.NaN()) }, vllm.LoadTime, 1.5},
			"infinite increment":         {func() { seconds.Add(math.Inf(1)) }, vllm.LoadTime, 1.5},
			"NaN value":                  {func() { usage.Record(math.NaN()) }, vllm.CPUCacheUsage, 0.5},
			"infinite value":             {func() { usage.Record(math.Inf(-1)) }, vllm.CPUCacheUsage, 0.5},
			"NaN sample":                 {func() { sizes.Record(math.NaN()) }, vllm.LoadSize, 1},
			"infinite sample":            {func() { sizes.Record(math.Inf(1)) }, vllm.LoadSize, 1},
		} {
			before := recorder.Statistics().Refused
			c.record()
			got := recorder.Collect()
			if v := got.Value(c.metric, engineLabels("0")); v != c.want {
				t.Errorf("%s: the series shows %v, want %v", name, v, c.want)
			}
			if sum := got.Point(vllm.LoadSize, engineLabels("0")).Sum; sum != 16 {
				t.Errorf("%s: the histogram's sum is %v, want 16", name, sum)
			}
			if n := recorder.Statistics().Refused - before; n != 1 {
				t.Errorf("%s: %d numbers refused, want 1", name, n)
			}
		}
	})
}

// greatestIsKept reports whether the SDK's own counters can be observed to have the
// greatest int64. Releases before 1.47 cannot.
func greatestIsKept(t *testing.T) bool {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("")
	if _, err := meter.Int64ObservableCounter("c", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(math.MaxInt64)
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	return collected.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64]).DataPoints[0].Value == math.MaxInt64
}

func TestTotalsSaturate(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		loads := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes))
		seconds := must[otelkv.Float64Counter](t)(engine.Float64Counter(vllm.LoadTime))
		for range 3 {
			loads.Add(math.MaxInt64)
			seconds.Add(math.MaxFloat64)
		}
		got := recorder.Collect()
		if strings.HasSuffix(t.Name(), "instruments") && !greatestIsKept(t) {
			t.Log("this release of the SDK turns an observed greatest int64 into the least")
		} else if v := got.Value(vllm.LoadBytes, nil); v != math.MaxInt64 {
			t.Errorf("the int64 total is %v, want the greatest int64", v)
		}
		if v := got.Value(vllm.LoadTime, nil); v != math.MaxFloat64 {
			t.Errorf("the float64 total is %v, want the greatest float64", v)
		}
		if n := recorder.Statistics().Refused; n != 4 {
			t.Errorf("%d numbers refused, want 4", n)
		}
	})
}

// TestSumsStayFinite: each interval's sum is finite, and what they add up to must
// be so too.
func TestSumsStayFinite(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	sizes := must[otelkv.Histogram](t)(addEngine(t, recorder, 0).Histogram(vllm.LoadSize))
	for i := range 3 {
		sizes.Record(math.MaxFloat64)
		got := recorder.Collect().Point(vllm.LoadSize, nil)
		if got.Sum != math.MaxFloat64 || got.Count != uint64(i+1) {
			t.Errorf("after %d samples the sum is %v and the count %d", i+1, got.Sum, got.Count)
		}
	}
	if got := recorder.CollectDelta().Point(vllm.LoadSize, nil); math.IsInf(got.Sum, 0) || got.Count != 3 {
		t.Errorf("the delta's sum is %v and its count %d", got.Sum, got.Count)
	}
}

func TestBindErrors(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := addEngine(t, recorder, 0)
	removed := addEngine(t, recorder, 9)
	removed.Remove()
	asGauge := schema.Int64Gauge(vllm.LoadBytes)
	asFloat := schema.Float64Counter(vllm.LoadBytes)
	bind := func(m schema.Int64Counter, labelValues ...string) func() error {
		return func() error { _, err := engine.Int64Counter(m, labelValues...); return err }
	}
	withMedium := func(medium string) func() error {
		return func() error { _, err := recorder.AddEngine(1, "m", otelkv.WithMedium(medium)); return err }
	}
	for name, c := range map[string]struct {
		bind func() error
		want error
		text string
	}{
		"unknown metric":  {bind(vllm.SimpleLoadBlocks), otelkv.ErrUnknownMetric, `metric "vllm:simple_kv_offload_load_blocks_total": not in the catalogue`},
		"kind":            {func() error { _, err := engine.Int64Gauge(asGauge); return err }, otelkv.ErrWrongKind, "it is a counter, not a gauge"},
		"number":          {func() error { _, err := engine.Float64Counter(asFloat); return err }, otelkv.ErrWrongKind, "it is a counter of int64, not of float64"},
		"too many labels": {bind(vllm.LoadBytes, "a"), otelkv.ErrLabelValues, "expects 0 labels"},
		"too few labels":  {bind(vllm.TieringReadBytes), otelkv.ErrLabelValues, `expects 1 labels ["tier"], got 0`},
		"label not UTF-8": {bind(vllm.TieringReadBytes, "\xff"), otelkv.ErrLabelValues, `label "tier"`},
		"label too long":  {bind(vllm.TieringReadBytes, strings.Repeat("x", 2000)), otelkv.ErrLabelValues, "at most 1024"},
		"mirror":          {bind(vllm.TotalBytes, "CPU_to_GPU"), otelkv.ErrMirror, "record to vllm:kv_offload_load_bytes"},
		"removed engine":  {func() error { _, err := removed.Int64Counter(vllm.LoadBytes); return err }, otelkv.ErrRemoved, "removed"},
		"unknown engine":  {func() error { return recorder.Observe(t.Context(), 7, new(stats.Payload)) }, otelkv.ErrUnknownEngine, "engine 7"},
		"engine twice":    {func() error { _, err := recorder.AddEngine(0, "m"); return err }, otelkv.ErrEngineExists, "engine 0"},
		"negative engine": {func() error { _, err := recorder.AddEngine(-1, "m"); return err }, nil, "engine -1: expected an index that is not negative"},
		"model not UTF-8": {func() error { _, err := recorder.AddEngine(1, "\xff"); return err }, otelkv.ErrLabelValues, "engine 1"},
		"tier empty": {func() error { _, err := recorder.AddEngine(1, "m", otelkv.WithTiers("")); return err },
			otelkv.ErrLabelValues, "the type is empty"},
		"tier not UTF-8": {func() error { return engine.AddTiers("\xff") }, otelkv.ErrLabelValues, "engine 0"},
		"medium empty":   {withMedium(""), otelkv.ErrLabelValues, `engine 1: medium "": bad label values: it is empty`},
		"medium of both ends": {withMedium("GPU"), otelkv.ErrLabelValues,
			`medium "GPU": bad label values: two metrics would be mirrored as vllm:kv_offload_total_bytes with the label values ["GPU_to_GPU"]`},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.bind()
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want one that wraps %q and says %q", err, c.want, c.text)
			}
		})
	}
}

// Who ignores the error of a binding learns of it from what the recorder counts.
func TestWhatCouldNotBeBoundIsCounted(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0))
	engine := addEngine(t, recorder, 0)
	counter, err1 := engine.Int64Counter(vllm.TieringReadBytes, "1:fs")
	float64Counter, err2 := engine.Float64Counter(vllm.LoadTime, "one label too many")
	int64Gauge, err3 := engine.Int64Gauge(vllm.TieringActivePromotionJobs, "1:fs")
	float64Gauge, err4 := engine.Float64Gauge(vllm.CPUCacheUsage, "one label too many")
	histogram, err5 := engine.Histogram(vllm.LoadSize, "one label too many")
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if err == nil {
			t.Fatalf("binding %d gave no error", i)
		}
	}
	before := recorder.Collect()
	counter.Add(1)
	counter.AddContext(t.Context(), 1)
	float64Counter.Add(1)
	int64Gauge.Record(1)
	float64Gauge.Record(1)
	histogram.Record(1)
	histogram.RecordContext(t.Context(), 1)
	if n := recorder.Statistics().Refused; n != 7 {
		t.Errorf("%d measurements refused, want 7", n)
	}
	if got, want := len(recorder.Collect().Select(vllm.LoadBytes, nil)), len(before.Select(vllm.LoadBytes, nil)); got != want {
		t.Errorf("%d series of another metric are there, want %d", got, want)
	}
}

// TestBind holds that an engine binds each kind as the type that it is documented to have.
func TestBind(t *testing.T) {
	var binder stats.Binder = addEngine(t, otelkvtest.NewRecorder(t, vllm.TieringSpec()), 0)
	for _, c := range []struct {
		metric      schema.Metric
		labelValues []string
		want        any
	}{
		{vllm.LoadBytes, nil, otelkv.Int64Counter{}},
		{vllm.LoadTime, nil, otelkv.Float64Counter{}},
		{vllm.TieringActiveCascadeJobs, []string{"1:fs"}, otelkv.Int64Gauge{}},
		{vllm.CPUCacheUsage, nil, otelkv.Float64Gauge{}},
		{vllm.LoadSize, nil, otelkv.Histogram{}},
	} {
		got, err := binder.Bind(c.metric.Definition(), c.labelValues...)
		if err != nil || reflect.TypeOf(got) != reflect.TypeOf(c.want) {
			t.Errorf("%s: got a %T and %v, want a %T", c.metric.Definition().Name, got, err, c.want)
		}
	}
	if got, err := binder.Bind(vllm.TieringReadBytes.Definition()); got != nil || !errors.Is(err, otelkv.ErrLabelValues) {
		t.Errorf("too few labels: got %v and %v, want nil and an error", got, err)
	}
}

func TestTheZeroValueRecordsNothing(t *testing.T) {
	var (
		int64Counter   otelkv.Int64Counter
		float64Counter otelkv.Float64Counter
		int64Gauge     otelkv.Int64Gauge
		float64Gauge   otelkv.Float64Gauge
		histogram      otelkv.Histogram
	)
	int64Counter.Add(1)
	int64Counter.AddContext(t.Context(), 1)
	float64Counter.Add(1)
	float64Counter.AddContext(t.Context(), 1)
	int64Gauge.Record(1)
	float64Gauge.Record(1)
	histogram.Record(1)
	histogram.RecordContext(t.Context(), 1)
}

func TestWithoutEngineLabels(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(1)
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, "1:fs")).Add(1)
		metrics := recorder.Collect()
		if got, want := labelsOf(metrics.Select(vllm.LoadBytes, nil)[0].Attributes), `{"deployment":"a"}`; got != want {
			t.Errorf("a series of no labels of its own has %s, want %s", got, want)
		}
		if got, want := labelsOf(metrics.Select(vllm.TieringReadBytes, nil)[0].Attributes), `{"deployment":"a","tier":"1:fs"}`; got != want {
			t.Errorf("a series of a tier has %s, want %s", got, want)
		}
		if _, err := recorder.AddEngine(1, "m"); !errors.Is(err, otelkv.ErrEngineExists) {
			t.Errorf("a second engine gave %v, want an error: its series would be those of the first", err)
		}
	}, otelkv.WithLabelNames(otelkv.LabelNames{Model: "-", Engine: "-"}), otelkv.WithConstantLabels(attribute.String("deployment", "a")))
}

func TestMeasurementsDoNotAllocate(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		counter := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, "1:fs"))
		seconds := must[otelkv.Float64Counter](t)(engine.Float64Counter(vllm.TieringReadTime, "1:fs"))
		jobs := must[otelkv.Int64Gauge](t)(engine.Int64Gauge(vllm.TieringActivePromotionJobs, "1:fs"))
		usage := must[otelkv.Float64Gauge](t)(engine.Float64Gauge(vllm.CPUCacheUsage))
		sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
		for name, measure := range map[string]func(){
			"Int64Counter.Add":    func() { counter.Add(1) },
			"Float64Counter.Add":  func() { seconds.Add(0.5) },
			"Int64Gauge.Record":   func() { jobs.Record(1) },
			"Float64Gauge.Record": func() { usage.Record(0.5) },
			"Histogram.Record":    func() { sizes.Record(1e6) },
			"refused":             func() { seconds.Add(math.NaN()) },
		} {
			if n := testing.AllocsPerRun(100, measure); n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	})
}
