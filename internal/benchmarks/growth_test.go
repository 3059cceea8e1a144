// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// growth are the numbers of series. The cost of one series should be the same for all.
var growth = [3]int{1_000, 10_000, 100_000}

// BenchmarkCollectGrowth reports the time per series of collections that grow.
func BenchmarkCollectGrowth(b *testing.B) {
	s := newScalars()
	grow(b, "otelkv", func(b *testing.B, series int) {
		benchmarkCollect(b, newCollected(b, s, tierNames(series/collectedMetrics)), series)
	})
	grow(b, "otel_cached", func(b *testing.B, series int) {
		provider, reader := newProvider(b)
		s.observe(b, provider.Meter("benchmarks"), tierNames(series/collectedMetrics))
		benchmarkCollect(b, reader, series)
	})
}

// BenchmarkScrapeGrowth reports the time per series of scrapes that grow.
func BenchmarkScrapeGrowth(b *testing.B) {
	s := newScalars()
	grow(b, "otelkv", func(b *testing.B, series int) {
		benchmarkScrape(b, newScraped(b, s, tierNames(series/collectedMetrics)), series)
	})
	grow(b, "otel_cached", func(b *testing.B, series int) {
		meter, handler := newStock(b)
		s.observe(b, meter, tierNames(series/collectedMetrics))
		benchmarkScrape(b, handler, series)
	})
}

// BenchmarkObserveGrowth reports the time that an entry of a payload takes on an
// engine of more and more series. The payload has 30 of them, as that of
// [BenchmarkObserve].
func BenchmarkObserveGrowth(b *testing.B) {
	m := newPayloadMetrics()
	payload := newPayload(b, m)
	for _, series := range growth {
		b.Run("impl=otelkv/series="+strconv.Itoa(series), func(b *testing.B) {
			recorder := newRecorder(b, m.catalogue())
			e := newEngine(b, recorder)
			m.fill(b, e, tierNames(series*payloadTiers/payloadSeries))
			benchmarkObserve(b, e, payload)
			b.ReportMetric(perSeries(b, payloadSeries), "ns/series")
		})
	}
}

// BenchmarkObserveAllGrowth reports the time that an entry takes in payloads of
// more and more of them, which touch every series of the engine. The largest is
// more than what a decoder takes by default.
func BenchmarkObserveAllGrowth(b *testing.B) {
	s := newScalars()
	grow(b, "otelkv", func(b *testing.B, series int) {
		recorder := newRecorder(b, s.catalogue())
		benchmarkObserve(b, newEngine(b, recorder), s.payload(b, tierNames(series/collectedMetrics)))
	})
	grow(b, "client_golang", func(b *testing.B, series int) {
		payload := s.payload(b, tierNames(series/collectedMetrics))
		children := newVectors(payload).children(payload)
		for b.Loop() {
			observeChildren(children, payload)
		}
	})
}

// payload returns a payload with an entry of every metric for each tier.
func (s scalars) payload(b *testing.B, tiers []string) *stats.Payload {
	b.Helper()
	payload := new(stats.Payload)
	for i, tier := range tiers {
		for _, d := range s.int64Counters {
			must(payload.Int64Counter(d, tier))(b).Add(int64(i))
		}
		for _, d := range s.float64Counters {
			must(payload.Float64Counter(d, tier))(b).Add(float64(i) / 7)
		}
		must(payload.Float64Gauge(s.gauge, tier))(b).Record(float64(i) / 7)
	}
	return payload
}

func benchmarkObserve(b *testing.B, e *otelkv.Engine, payload *stats.Payload) {
	b.Helper()
	ctx := context.Background()
	if err := e.Observe(ctx, payload); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := e.Observe(ctx, payload); err != nil {
			b.Fatal(err)
		}
	}
}

// grow runs f for each number of series and reports the time that one takes.
func grow(b *testing.B, impl string, f func(b *testing.B, series int)) {
	for _, series := range growth {
		b.Run("impl="+impl+"/series="+strconv.Itoa(series), func(b *testing.B) {
			f(b, series)
			b.ReportMetric(perSeries(b, series), "ns/series")
		})
	}
}

func perSeries(b *testing.B, series int) float64 {
	return float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(series)
}

// BenchmarkMemory reports the bytes per series that nothing is recorded to, for 100,000
// series of one metric. The time is that of making all of them in one goroutine.
func BenchmarkMemory(b *testing.B) {
	const series = 100_000
	tiers := tierNames(series)
	m := newMetrics("")
	catalogue := schema.MustCatalogue(m.all()...)

	hold(b, "kind=counter/impl=otelkv", series, func(b *testing.B) any {
		recorder := newRecorder(b, catalogue)
		e := newEngine(b, recorder)
		for _, tier := range tiers {
			must(e.Int64Counter(m.int64Counter, tier))(b).Add(0)
		}
		return e
	})
	hold(b, "kind=counter/impl=otel_cached", series, func(b *testing.B) any {
		provider, _ := newProvider(b)
		instrument := must(provider.Meter("").Int64Counter("bytes"))(b)
		for _, tier := range tiers {
			instrument.Add(context.Background(), 0, metric.WithAttributeSet(attribute.NewSet(attributes(tier)...)))
		}
		return provider
	})
	hold(b, "kind=counter/impl=client_golang", series, func(*testing.B) any {
		vector := promclient.NewCounterVec(promclient.CounterOpts{Name: "bytes_total"}, labelNames())
		for _, tier := range tiers {
			vector.WithLabelValues(modelName, engine, tier).Add(0)
		}
		return vector
	})
	hold(b, "kind=histogram/impl=otelkv", series, func(b *testing.B) any {
		recorder := newRecorder(b, catalogue)
		e := newEngine(b, recorder)
		for _, tier := range tiers {
			must(e.Histogram(m.histogram, tier))(b)
		}
		return e
	})
	hold(b, "kind=histogram/impl=client_golang", series, func(*testing.B) any {
		vector := promclient.NewHistogramVec(promclient.HistogramOpts{Name: "size", Buckets: boundaries()}, labelNames())
		for _, tier := range tiers {
			vector.WithLabelValues(modelName, engine, tier)
		}
		return vector
	})
}

// hold reports the bytes per series on the heap while the result of fill is held.
func hold(b *testing.B, name string, series int, fill func(*testing.B) any) {
	b.Run(name, func(b *testing.B) {
		var bytes uint64
		for b.Loop() {
			before := heap()
			held := fill(b)
			bytes = heap() - before
			runtime.KeepAlive(held)
		}
		b.ReportMetric(float64(bytes)/float64(series), "B/series")
	})
}

// heap returns the bytes of the heap that are in use.
func heap() uint64 {
	// The second collection frees what the finalizers of the first one released.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
