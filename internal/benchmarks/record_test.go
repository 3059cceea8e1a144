package benchmarks

import (
	"context"
	"strconv"
	"strings"
	"testing"

	vm "github.com/VictoriaMetrics/metrics"
	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/schema"
)

// measure runs the loops of one implementation. Each has its call written out,
// since a call through a closure would cost as much as what it measures.
func measure(b *testing.B, impl string, serial func(*testing.B), parallel func(*testing.PB)) {
	b.Run("impl="+impl, func(b *testing.B) {
		b.Run("serial", func(b *testing.B) {
			b.ReportAllocs()
			serial(b)
		})
		b.Run("parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(parallel)
		})
	})
}

// BenchmarkCounterAdd adds a whole number to a counter of int64.
func BenchmarkCounterAdd(b *testing.B) {
	m := newMetrics("")
	recorder, _ := newPipeline(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Int64Counter(m.int64Counter, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Int64Counter("bytes"))(b)
	options := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewCounterVec(promclient.CounterOpts{Name: "bytes_total"}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewCounter(victoriaName("bytes_total"))
	ctx := context.Background()

	measure(b, "otelkv", func(b *testing.B) {
		for b.Loop() {
			bound.Add(1)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			bound.Add(1)
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
	measure(b, "otel_naive", func(b *testing.B) {
		for b.Loop() {
			instrument.Add(ctx, 1, metric.WithAttributes(attributes(tier)...))
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			instrument.Add(ctx, 1, metric.WithAttributes(attributes(tier)...))
		}
	})
	measure(b, "client_golang", func(b *testing.B) {
		for b.Loop() {
			child.Add(1)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			child.Add(1)
		}
	})
	measure(b, "client_golang_labels", func(b *testing.B) {
		for b.Loop() {
			vector.WithLabelValues(modelName, engine, tier).Add(1)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			vector.WithLabelValues(modelName, engine, tier).Add(1)
		}
	})
	measure(b, "victoriametrics", func(b *testing.B) {
		for b.Loop() {
			victoria.Add(1)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			victoria.Add(1)
		}
	})
}

// BenchmarkCounterAddFloat64 adds a fraction to a counter of float64.
func BenchmarkCounterAddFloat64(b *testing.B) {
	m := newMetrics("")
	recorder, _ := newPipeline(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Float64Counter(m.float64Counter, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Float64Counter("time"))(b)
	options := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewCounterVec(promclient.CounterOpts{Name: "time_total"}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewFloatCounter(victoriaName("time_total"))
	ctx := context.Background()

	measure(b, "otelkv", func(b *testing.B) {
		for b.Loop() {
			bound.Add(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			bound.Add(0.5)
		}
	})
	measure(b, "otel_cached", func(b *testing.B) {
		for b.Loop() {
			instrument.Add(ctx, 0.5, options...)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			instrument.Add(ctx, 0.5, options...)
		}
	})
	measure(b, "otel_naive", func(b *testing.B) {
		for b.Loop() {
			instrument.Add(ctx, 0.5, metric.WithAttributes(attributes(tier)...))
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			instrument.Add(ctx, 0.5, metric.WithAttributes(attributes(tier)...))
		}
	})
	measure(b, "client_golang", func(b *testing.B) {
		for b.Loop() {
			child.Add(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			child.Add(0.5)
		}
	})
	measure(b, "client_golang_labels", func(b *testing.B) {
		for b.Loop() {
			vector.WithLabelValues(modelName, engine, tier).Add(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			vector.WithLabelValues(modelName, engine, tier).Add(0.5)
		}
	})
	measure(b, "victoriametrics", func(b *testing.B) {
		for b.Loop() {
			victoria.Add(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			victoria.Add(0.5)
		}
	})
}

// BenchmarkGaugeRecord sets a gauge of float64.
func BenchmarkGaugeRecord(b *testing.B) {
	m := newMetrics("")
	recorder, _ := newPipeline(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Float64Gauge(m.gauge, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Float64Gauge("usage"))(b)
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewGaugeVec(promclient.GaugeOpts{Name: "usage"}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewGauge(victoriaName("usage"), nil)
	ctx := context.Background()

	measure(b, "otelkv", func(b *testing.B) {
		for b.Loop() {
			bound.Record(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			bound.Record(0.5)
		}
	})
	measure(b, "otel_cached", func(b *testing.B) {
		for b.Loop() {
			instrument.Record(ctx, 0.5, options...)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			instrument.Record(ctx, 0.5, options...)
		}
	})
	measure(b, "otel_naive", func(b *testing.B) {
		for b.Loop() {
			instrument.Record(ctx, 0.5, metric.WithAttributes(attributes(tier)...))
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			instrument.Record(ctx, 0.5, metric.WithAttributes(attributes(tier)...))
		}
	})
	measure(b, "client_golang", func(b *testing.B) {
		for b.Loop() {
			child.Set(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			child.Set(0.5)
		}
	})
	measure(b, "client_golang_labels", func(b *testing.B) {
		for b.Loop() {
			vector.WithLabelValues(modelName, engine, tier).Set(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			vector.WithLabelValues(modelName, engine, tier).Set(0.5)
		}
	})
	measure(b, "victoriametrics", func(b *testing.B) {
		for b.Loop() {
			victoria.Set(0.5)
		}
	}, func(pb *testing.PB) {
		for pb.Next() {
			victoria.Set(0.5)
		}
	})
}

// BenchmarkHistogramRecord adds a sample to a histogram of ten boundaries.
func BenchmarkHistogramRecord(b *testing.B) {
	m := newMetrics("")
	recorder, _ := newPipeline(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Histogram(m.histogram, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Float64Histogram("size", metric.WithExplicitBucketBoundaries(boundaries()...)))(b)
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewHistogramVec(promclient.HistogramOpts{Name: "size", Buckets: boundaries()}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewPrometheusHistogramExt(victoriaName("size"), boundaries())
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

// BenchmarkHistogramRecordForeign is BenchmarkHistogramRecord on a plain
// MeterProvider of the SDK, where a histogram is a synchronous instrument.
func BenchmarkHistogramRecordForeign(b *testing.B) {
	m := newMetrics("")
	provider, _ := newProvider(b)
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...), provider)
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

// victoriaName returns the name and labels of a series as VictoriaMetrics takes
// them.
func victoriaName(name string) string {
	labels := make([]string, 0, 3)
	for _, kv := range attributes(tier) {
		labels = append(labels, string(kv.Key)+"="+strconv.Quote(kv.Value.AsString()))
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}
