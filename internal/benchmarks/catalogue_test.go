package benchmarks

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// The labels of the series that single calls measure.
const (
	modelName = "meta-llama/Llama-3.1-70B-Instruct"
	engine    = "0"
	tier      = "1:fs"
)

func labelNames() []string {
	return []string{schema.LabelModelName, schema.LabelEngine, schema.LabelTier}
}

// boundaries are the ten of vLLM's transfer sizes.
func boundaries() []float64 { return slices.Clone(vllm.LoadSize.Boundaries) }

// sizes are samples that fill the buckets of [boundaries] as transfers do: most
// in the first half, some beyond the last boundary.
var sizes = [16]float64{
	2e6, 8e6, 33554432, 4e6, 16e6, 55e6, 5e5, 12e6,
	67108864, 3e6, 9e6, 120e6, 25e6, 7e6, 250e6, 16e6,
}

// metrics are definitions of every kind with the label tier of their own.
type metrics struct {
	int64Counter   schema.Int64Counter
	float64Counter schema.Float64Counter
	gauge          schema.Float64Gauge
	histogram      schema.Histogram
}

// newMetrics returns definitions whose names end in suffix.
func newMetrics(suffix string) metrics {
	return metrics{
		int64Counter:   schema.Int64Counter(definition("bytes"+suffix, "By")),
		float64Counter: schema.Float64Counter(definition("time"+suffix, "s")),
		gauge:          schema.Float64Gauge(definition("usage"+suffix, "1")),
		histogram:      schema.Histogram(withBoundaries(definition("size"+suffix, "By"))),
	}
}

func (m metrics) all() []schema.Metric {
	return []schema.Metric{m.int64Counter.Definition(), m.float64Counter.Definition(), m.gauge.Definition(), m.histogram.Definition()}
}

func definition(name, unit string) schema.Definition {
	return schema.Definition{
		Name:           "benchmark." + name,
		PrometheusName: "benchmark:" + name,
		Unit:           unit,
		Description:    "What the benchmarks measure.",
		LabelNames:     []string{schema.LabelTier},
	}
}

func withBoundaries(d schema.Definition) schema.Definition {
	d.Boundaries = boundaries()
	return d
}

// newPipeline returns a recorder on a pipeline that is scraped, and the pipeline.
func newPipeline(b *testing.B, catalogue *schema.Catalogue, options ...otelkv.Option) (*otelkv.Recorder, *exporters.Pipeline) {
	b.Helper()
	pipeline, err := exporters.New(b.Context(), catalogue,
		exporters.WithExporters(exporters.Prometheus), exporters.WithoutServer())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := pipeline.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return newRecorder(b, catalogue, pipeline, options...), pipeline
}

// newProvider returns a provider of the SDK without a limit of series, and its
// reader.
func newProvider(b *testing.B) (*sdkmetric.MeterProvider, sdkmetric.Reader) {
	b.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
	b.Cleanup(func() {
		if err := provider.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return provider, reader
}

// newRecorder returns a recorder without limits of its own.
func newRecorder(b *testing.B, catalogue *schema.Catalogue, provider metric.MeterProvider, options ...otelkv.Option) *otelkv.Recorder {
	b.Helper()
	recorder, err := otelkv.New(catalogue, append(options,
		otelkv.WithMeterProvider(provider), otelkv.WithSeriesLimit(0), otelkv.WithTotalSeriesLimit(0))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := recorder.Close(); err != nil {
			b.Error(err)
		}
	})
	return recorder
}

// newEngine returns the engine that all series belong to.
func newEngine(b *testing.B, recorder *otelkv.Recorder) *otelkv.Engine {
	b.Helper()
	index, err := strconv.Atoi(engine)
	if err != nil {
		b.Fatal(err)
	}
	e, err := recorder.AddEngine(index, modelName)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// must returns v, and ends the benchmark if there was an error.
func must[T any](v T, err error) func(b *testing.B) T {
	return func(b *testing.B) T {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
}

// attributes returns the attributes of one series.
func attributes(tier string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String(schema.LabelModelName, modelName),
		attribute.String(schema.LabelEngine, engine),
		attribute.String(schema.LabelTier, tier),
	}
}

// tierNames returns n names of tiers.
func tierNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i) + ":fs"
	}
	return names
}
