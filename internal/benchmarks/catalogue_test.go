// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

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

// newRecorder returns a recorder without limits.
func newRecorder(b *testing.B, catalogue *schema.Catalogue) *otelkv.Recorder {
	b.Helper()
	return must(otelkv.New(catalogue, otelkv.WithSeriesLimits(-1, -1)))(b)
}

// newReader returns a reader of a recorder, which has a producer.
func newReader(b *testing.B, recorder *otelkv.Recorder) sdkmetric.Reader {
	b.Helper()
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(must(recorder.Producer())(b)))
	serveReader(b, reader)
	return reader
}

// newProvider returns a provider of the SDK without a limit of series, and its
// reader.
func newProvider(b *testing.B) (*sdkmetric.MeterProvider, sdkmetric.Reader) {
	b.Helper()
	reader := sdkmetric.NewManualReader()
	return serveReader(b, reader), reader
}

// serveReader returns a provider for the reader, without a limit of series.
func serveReader(b *testing.B, reader sdkmetric.Reader) *sdkmetric.MeterProvider {
	b.Helper()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
	b.Cleanup(func() {
		if err := provider.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return provider
}

// registerInstruments makes the recorder's metrics instruments of the provider.
func registerInstruments(b *testing.B, recorder *otelkv.Recorder, provider metric.MeterProvider) {
	b.Helper()
	unregister := must(recorder.RegisterInstruments(provider))(b)
	b.Cleanup(func() {
		if err := unregister(); err != nil {
			b.Error(err)
		}
	})
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
