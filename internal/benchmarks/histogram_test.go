// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"context"
	"testing"

	vm "github.com/VictoriaMetrics/metrics"
	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/schema"
)

// BenchmarkHistogramRecord adds a sample to a histogram of ten boundaries.
func BenchmarkHistogramRecord(b *testing.B) {
	m := newMetrics("")
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Histogram(m.histogram, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Float64Histogram("size", metric.WithExplicitBucketBoundaries(boundaries()...)))(b)
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewHistogramVec(promclient.HistogramOpts{Name: "size", Buckets: boundaries()}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewPrometheusHistogramExt(victoriaName("size", tier), boundaries())
	ctx := context.Background()

	measure(b, "otelkv", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			bound.Record(sizes[i%len(sizes)])
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			bound.Record(sizes[i%len(sizes)])
		}
	})
	measure(b, "otel_cached", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], options...)
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], options...)
		}
	})
	measure(b, "otel_naive", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], metric.WithAttributes(attributes(tier)...))
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], metric.WithAttributes(attributes(tier)...))
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
	measure(b, "client_golang_labels", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			vector.WithLabelValues(modelName, engine, tier).Observe(sizes[i%len(sizes)])
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			vector.WithLabelValues(modelName, engine, tier).Observe(sizes[i%len(sizes)])
		}
	})
	measure(b, "victoriametrics", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			victoria.Update(sizes[i%len(sizes)])
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			victoria.Update(sizes[i%len(sizes)])
		}
	})
}

// BenchmarkHistogramRecordAsInstrument is BenchmarkHistogramRecord on a plain
// MeterProvider of the SDK, where a histogram is a synchronous instrument.
func BenchmarkHistogramRecordAsInstrument(b *testing.B) {
	m := newMetrics("")
	provider, _ := newProvider(b)
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...))
	registerInstruments(b, recorder, provider)
	bound := must(newEngine(b, recorder).Histogram(m.histogram, tier))(b)
	instrument := must(provider.Meter("").Float64Histogram("size", metric.WithExplicitBucketBoundaries(boundaries()...)))(b)
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	ctx := context.Background()

	measure(b, "otelkv", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			bound.Record(sizes[i%len(sizes)])
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			bound.Record(sizes[i%len(sizes)])
		}
	})
	measure(b, "otel_cached", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], options...)
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], options...)
		}
	})
	measure(b, "otel_naive", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], metric.WithAttributes(attributes(tier)...))
		}
	}, func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			instrument.Record(ctx, sizes[i%len(sizes)], metric.WithAttributes(attributes(tier)...))
		}
	})
}
