// SPDX-License-Identifier: Apache-2.0

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
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Int64Counter(m.int64Counter, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Int64Counter("bytes"))(b)
	options := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewCounterVec(promclient.CounterOpts{Name: "bytes_total"}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewCounter(victoriaName("bytes_total", tier))
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
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Float64Counter(m.float64Counter, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Float64Counter("time"))(b)
	options := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewCounterVec(promclient.CounterOpts{Name: "time_total"}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewFloatCounter(victoriaName("time_total", tier))
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
	recorder := newRecorder(b, schema.MustCatalogue(m.all()...))
	bound := must(newEngine(b, recorder).Float64Gauge(m.gauge, tier))(b)
	provider, _ := newProvider(b)
	instrument := must(provider.Meter("").Float64Gauge("usage"))(b)
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
	vector := promclient.NewGaugeVec(promclient.GaugeOpts{Name: "usage"}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)
	victoria := vm.NewSet().NewGauge(victoriaName("usage", tier), nil)
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

// victoriaName returns the name and labels of a series as VictoriaMetrics takes
// them.
func victoriaName(name, tier string) string {
	labels := make([]string, 0, 3)
	for _, kv := range attributes(tier) {
		labels = append(labels, string(kv.Key)+"="+strconv.Quote(kv.Value.AsString()))
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}
