package otelkv_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// newForeign returns a recorder on a plain SDK provider, and its reader.
func newForeign(t *testing.T, catalogue *schema.Catalogue, options ...otelkv.Option) (*otelkv.Recorder, *sdkmetric.ManualReader) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	recorder, err := otelkv.New(catalogue, append(options, otelkv.WithMeterProvider(provider))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(recorder.Close(), provider.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return recorder, reader
}

// collect returns the points of a plain SDK reader: the metric's name and its
// attributes, to a value, or to a histogram's count.
func collect(t *testing.T, reader sdkmetric.Reader) map[string]float64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	points := make(map[string]float64)
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					points[m.Name+p.Attributes.String()] = float64(p.Value)
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					points[m.Name+p.Attributes.String()] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					points[m.Name+p.Attributes.String()] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					points[m.Name+p.Attributes.String()] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					points[m.Name+p.Attributes.String()] = float64(p.Count)
				}
			default:
				t.Fatalf("metric %s has the unexpected data %T", m.Name, data)
			}
		}
	}
	return points
}

func TestBoundSeriesReachAForeignProvider(t *testing.T) {
	recorder, reader := newForeign(t, vllm.TieringSpec())
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	loads, err := engine.Int64Counter(vllm.LoadBytes)
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := engine.Histogram(vllm.LoadSize)
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); got["vllm.kv_offload.load_bytes"+`{"engine":"0","model_name":"m"}`] != 0 {
		t.Errorf("a bound series shows before its first measurement: %v", got)
	}
	loads.Add(24)
	loads.Add(-1)
	sizes.Record(16)
	sizes.Record(math.NaN())
	got := collect(t, reader)
	for name, want := range map[string]float64{
		`vllm.kv_offload.load_bytes{"engine":"0","model_name":"m"}`:                               24,
		`vllm.kv_offload.total_bytes{"engine":"0","model_name":"m","transfer_type":"CPU_to_GPU"}`: 24,
		`vllm.kv_offload.total_bytes{"engine":"0","model_name":"m","transfer_type":"GPU_to_CPU"}`: 0,
		`vllm.kv_offload.load_size{"engine":"0","model_name":"m"}`:                                1,
		`vllm.kv_offload.size{"engine":"0","model_name":"m","transfer_type":"CPU_to_GPU"}`:        1,
		`vllm.kv_offload.cpu.cache_usage_perc{"engine":"0","model_name":"m"}`:                     0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v (present: %v), want %v; all: %v", name, v, ok, want, got)
		}
	}
	if n := recorder.Statistics().Refused; n != 2 {
		t.Errorf("refused %d numbers, want 2", n)
	}
}

func TestBindErrors(t *testing.T) {
	recorder, _ := newForeign(t, vllm.TieringSpec())
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	asGauge := schema.Int64Gauge(vllm.LoadBytes)
	asFloat := schema.Float64Counter(vllm.LoadBytes)
	for name, c := range map[string]struct {
		bind func() error
		want error
		text string
	}{
		"unknown metric":  {func() error { _, err := engine.Int64Counter(vllm.SimpleLoadBlocks); return err }, otelkv.ErrUnknownMetric, "not in the catalogue"},
		"kind":            {func() error { _, err := engine.Int64Gauge(asGauge); return err }, otelkv.ErrWrongKind, "it is a counter, not a gauge"},
		"number":          {func() error { _, err := engine.Float64Counter(asFloat); return err }, otelkv.ErrWrongKind, "it is a counter of int64, not of float64"},
		"too many labels": {func() error { _, err := engine.Int64Counter(vllm.LoadBytes, "a"); return err }, otelkv.ErrLabelCount, "expects 0 labels"},
		"too few labels":  {func() error { _, err := engine.Int64Counter(vllm.TieringReadBytes); return err }, otelkv.ErrLabelCount, `expects 1 labels ["tier"], got 0`},
		"label not UTF-8": {func() error { _, err := engine.Int64Counter(vllm.TieringReadBytes, "\xff"); return err }, otelkv.ErrLabelValue, `label "tier"`},
		"label too long": {func() error {
			_, err := engine.Int64Counter(vllm.TieringReadBytes, strings.Repeat("x", 2000))
			return err
		}, otelkv.ErrLabelValue, "at most 1024"},
		"mirror":          {func() error { _, err := engine.Int64Counter(vllm.TotalBytes, "CPU_to_GPU"); return err }, otelkv.ErrMirror, "record to vllm:kv_offload_load_bytes"},
		"unknown engine":  {func() error { return recorder.Observe(t.Context(), 7, new(stats.Payload)) }, otelkv.ErrUnknownEngine, "engine 7"},
		"engine twice":    {func() error { _, err := recorder.AddEngine(0, "m"); return err }, otelkv.ErrEngineExists, "engine 0"},
		"model not UTF-8": {func() error { _, err := recorder.AddEngine(1, "\xff"); return err }, otelkv.ErrLabelValue, "engine 1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.bind()
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want one that wraps %q and says %q", err, c.want, c.text)
			}
		})
	}
}

func TestMeasurementsDoNotAllocate(t *testing.T) {
	recorder, _ := newForeign(t, vllm.TieringSpec())
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	counter, err1 := engine.Int64Counter(vllm.TieringReadBytes, "1:fs")
	seconds, err2 := engine.Float64Counter(vllm.TieringReadTime, "1:fs")
	jobs, err3 := engine.Int64Gauge(vllm.TieringActivePromotionJobs, "1:fs")
	usage, err4 := engine.Float64Gauge(vllm.CPUCacheUsage)
	sizes, err5 := engine.Histogram(vllm.LoadSize)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
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
}
