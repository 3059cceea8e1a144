// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"context"
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// BenchmarkCounterAddContext is BenchmarkCounterAdd with a context that has no span.
func BenchmarkCounterAddContext(b *testing.B) {
	m := newMetrics("")
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Int64Counter(m.int64Counter, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Int64Counter("bytes"))(b)
	options := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	ctx := context.Background()

	measure(b, "otelkv", func(b *testing.B) {
		for b.Loop() {
			bound.AddContext(ctx, 1)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			bound.AddContext(ctx, 1)
		}
	})
	measure(b, "otel_cached", func(b *testing.B) {
		for b.Loop() {
			instrument.Add(ctx, 1, options...)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			instrument.Add(ctx, 1, options...)
		}
	})
}

// BenchmarkHistogramRecordNative is BenchmarkHistogramRecord for a histogram that is a
// native one too.
func BenchmarkHistogramRecordNative(b *testing.B) {
	m := newMetrics("")
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Histogram(m.histogram, tier))(b)
	producer := must(recorder.Producer(otelkv.WithNativeHistograms()))(b)
	vector := promclient.NewHistogramVec(promclient.HistogramOpts{
		Name: "size", Buckets: boundaries(), NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160,
	}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)

	measure(b, "otelkv", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			bound.Record(sizes[i%len(sizes)])
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			bound.Record(sizes[i%len(sizes)])
		}
	})
	measure(b, "client_golang", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			child.Observe(sizes[i%len(sizes)])
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			child.Observe(sizes[i%len(sizes)])
		}
	})
	if len(producer.Collect(b.Context())) == 0 {
		b.Fatal("there is nothing to collect")
	}
}
