// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"context"
	"math"
	"strconv"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// What is collected: five metrics without histograms, since observable
// instruments have none, of as many series as a definition has by default.
const (
	collectedMetrics = 5
	seriesLimit      = 1900 // of one definition, the recorder's default
	collectedSeries  = collectedMetrics * seriesLimit
)

// A scalars is two counters of int64, two of float64 and a gauge.
type scalars struct {
	int64Counters   [2]schema.Int64Counter
	float64Counters [2]schema.Float64Counter
	gauge           schema.Float64Gauge
}

func newScalars() scalars {
	var s scalars
	for i := range s.int64Counters {
		m := newMetrics("_" + strconv.Itoa(i))
		s.int64Counters[i], s.float64Counters[i] = m.int64Counter, m.float64Counter
	}
	s.gauge = newMetrics("").gauge
	return s
}

func (s scalars) catalogue() *schema.Catalogue {
	all := []schema.Metric{s.gauge.Definition()}
	for i := range s.int64Counters {
		all = append(all, s.int64Counters[i].Definition(), s.float64Counters[i].Definition())
	}
	return schema.MustCatalogue(all...)
}

// fill gives every metric a series for each tier.
func (s scalars) fill(b *testing.B, e *otelkv.Engine, tiers []string) {
	b.Helper()
	for i, tier := range tiers {
		for _, d := range s.int64Counters {
			must(e.Int64Counter(d, tier))(b).Add(int64(i) << 20)
		}
		for _, d := range s.float64Counters {
			must(e.Float64Counter(d, tier))(b).Add(float64(i) / 7)
		}
		must(e.Float64Gauge(s.gauge, tier))(b).Record(float64(i) / 7)
	}
}

// A cell is a series as it would be written by hand for observable instruments.
type cell struct {
	bits    atomic.Uint64
	options []metric.ObserveOption
}

// observe makes the same series as fill, by hand: an instrument a metric, and one
// callback with prepared options.
func (s scalars) observe(b *testing.B, meter metric.Meter, tiers []string) {
	b.Helper()
	var integers []metric.Int64Observable
	var floats []metric.Float64Observable
	var all []metric.Observable
	for i := range s.int64Counters {
		integer := must(meter.Int64ObservableCounter(s.int64Counters[i].Name, metric.WithDescription(s.int64Counters[i].Description)))(b)
		float := must(meter.Float64ObservableCounter(s.float64Counters[i].Name, metric.WithDescription(s.float64Counters[i].Description)))(b)
		integers, floats, all = append(integers, integer), append(floats, float), append(all, integer, float)
	}
	gauge := must(meter.Float64ObservableGauge(s.gauge.Name, metric.WithDescription(s.gauge.Description)))(b)
	floats, all = append(floats, gauge), append(all, gauge)
	integerCells := newCells(len(integers), tiers, func(i int) uint64 { return uint64(i) << 20 })
	floatCells := newCells(len(floats), tiers, func(i int) uint64 { return math.Float64bits(float64(i) / 7) })
	must(meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for i, instrument := range integers {
			for j := range integerCells[i] {
				c := &integerCells[i][j]
				o.ObserveInt64(instrument, int64(c.bits.Load()), c.options...)
			}
		}
		for i, instrument := range floats {
			for j := range floatCells[i] {
				c := &floatCells[i][j]
				o.ObserveFloat64(instrument, math.Float64frombits(c.bits.Load()), c.options...)
			}
		}
		return nil
	}, all...))(b)
}

func newCells(n int, tiers []string, value func(int) uint64) [][]cell {
	all := make([][]cell, n)
	for i := range all {
		all[i] = make([]cell, len(tiers))
		for j, tier := range tiers {
			c := &all[i][j]
			c.bits.Store(value(j))
			c.options = []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(attributes(tier)...))}
		}
	}
	return all
}

// BenchmarkCollect collects 9,500 series for a reader, up to the SDK's data
// points.
func BenchmarkCollect(b *testing.B) {
	s, tiers := newScalars(), tierNames(seriesLimit)

	serial(b, "otelkv", func(b *testing.B) {
		benchmarkCollect(b, newCollected(b, s, tiers), collectedSeries)
	})
	serial(b, "otelkv_instruments", func(b *testing.B) {
		provider, reader := newProvider(b)
		recorder := newRecorder(b, s.catalogue())
		registerInstruments(b, recorder, provider)
		s.fill(b, newEngine(b, recorder), tiers)
		benchmarkCollect(b, reader, collectedSeries)
	})
	serial(b, "otel_cached", func(b *testing.B) {
		provider, reader := newProvider(b)
		s.observe(b, provider.Meter("benchmarks"), tiers)
		benchmarkCollect(b, reader, collectedSeries)
	})
}

// newCollected returns a reader of a recorder of the given series.
func newCollected(b *testing.B, s scalars, tiers []string) sdkmetric.Reader {
	b.Helper()
	recorder := newRecorder(b, s.catalogue())
	s.fill(b, newEngine(b, recorder), tiers)
	return newReader(b, recorder)
}

// BenchmarkCollectHistogram is BenchmarkCollect for 1,900 histogram series of ten
// boundaries.
func BenchmarkCollectHistogram(b *testing.B) {
	size, tiers := newMetrics("").histogram, tierNames(seriesLimit)

	serial(b, "otelkv", func(b *testing.B) {
		recorder := newRecorder(b, schema.MustCatalogue(size))
		fillHistogram(b, newEngine(b, recorder), size, tiers)
		benchmarkCollect(b, newReader(b, recorder), len(tiers))
	})
	serial(b, "otel_cached", func(b *testing.B) {
		provider, reader := newProvider(b)
		recordHistogram(b, provider.Meter("benchmarks"), size, tiers)
		benchmarkCollect(b, reader, len(tiers))
	})
}

// fillHistogram gives a histogram a series for each tier.
func fillHistogram(b *testing.B, e *otelkv.Engine, size schema.Histogram, tiers []string) {
	b.Helper()
	for _, tier := range tiers {
		bound := must(e.Histogram(size, tier))(b)
		for _, sample := range sizes {
			bound.Record(sample)
		}
	}
}

// recordHistogram makes the same series as fillHistogram.
func recordHistogram(b *testing.B, meter metric.Meter, size schema.Histogram, tiers []string) {
	b.Helper()
	instrument := must(meter.Float64Histogram(size.Name,
		metric.WithDescription(size.Description), metric.WithExplicitBucketBoundaries(size.Boundaries...)))(b)
	for _, tier := range tiers {
		set := attribute.NewSet(attributes(tier)...)
		for _, sample := range sizes {
			instrument.Record(b.Context(), sample, metric.WithAttributeSet(set))
		}
	}
}

// benchmarkCollect collects again and again, as a periodic reader does, and
// checks that no series is missing.
func benchmarkCollect(b *testing.B, reader sdkmetric.Reader, series int) {
	b.Helper()
	ctx := context.Background()
	var collected metricdata.ResourceMetrics
	for b.Loop() {
		if err := reader.Collect(ctx, &collected); err != nil {
			b.Fatal(err)
		}
	}
	if n := points(collected); n != series {
		b.Fatalf("collected %d series, want %d", n, series)
	}
}

func points(rm metricdata.ResourceMetrics) int {
	n := 0
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				n += len(data.DataPoints)
			case metricdata.Sum[float64]:
				n += len(data.DataPoints)
			case metricdata.Gauge[float64]:
				n += len(data.DataPoints)
			case metricdata.Histogram[float64]:
				n += len(data.DataPoints)
			}
		}
	}
	return n
}
