// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	vm "github.com/VictoriaMetrics/metrics"
	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	stock "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// BenchmarkScrape scrapes 9,500 series. The stock exporter leaves out scope labels and
// target_info, so it writes no more than otelkv's. VictoriaMetrics/metrics writes no help
// and no types.
func BenchmarkScrape(b *testing.B) {
	s, tiers := newScalars(), tierNames(seriesLimit)

	serial(b, "otelkv", func(b *testing.B) {
		benchmarkScrape(b, newScraped(b, s, tiers), collectedSeries)
	})
	serial(b, "otelkv_registry", func(b *testing.B) {
		recorder := newRecorder(b, s.catalogue())
		s.fill(b, newEngine(b, recorder), tiers)
		benchmarkScrape(b, newRegistered(b, recorder), collectedSeries)
	})
	serial(b, "otel_cached", func(b *testing.B) {
		meter, handler := newStock(b)
		s.observe(b, meter, tiers)
		benchmarkScrape(b, handler, collectedSeries)
	})
	serial(b, "client_golang", func(b *testing.B) {
		registry := promclient.NewRegistry()
		for i := range collectedMetrics {
			vector := promclient.NewCounterVec(promclient.CounterOpts{
				Name: "benchmark_bytes_" + strconv.Itoa(i) + "_total", Help: "What the benchmarks measure.",
			}, labelNames())
			registry.MustRegister(vector)
			for j, tier := range tiers {
				vector.WithLabelValues(modelName, engine, tier).Add(float64(j) / 7)
			}
		}
		benchmarkScrape(b, newHandler(registry), collectedSeries)
	})
	serial(b, "victoriametrics", func(b *testing.B) {
		set := vm.NewSet()
		for i := range collectedMetrics {
			for j, tier := range tiers {
				set.NewFloatCounter(victoriaName("benchmark_bytes_"+strconv.Itoa(i)+"_total", tier)).Add(float64(j) / 7)
			}
		}
		benchmarkScrape(b, victoriaHandler(set), collectedSeries)
	})
}

// BenchmarkScrapeHistogram is BenchmarkScrape for 1,900 histogram series of ten
// boundaries.
func BenchmarkScrapeHistogram(b *testing.B) {
	size, tiers := newMetrics("").histogram, tierNames(seriesLimit)
	// The buckets with that of +Inf, the sum and the count.
	lines := len(tiers) * (len(size.Boundaries) + 3)

	serial(b, "otelkv", func(b *testing.B) {
		recorder := newRecorder(b, schema.MustCatalogue(size))
		fillHistogram(b, newEngine(b, recorder), size, tiers)
		benchmarkScrape(b, newOwnHandler(b, recorder), lines)
	})
	serial(b, "otelkv_registry", func(b *testing.B) {
		recorder := newRecorder(b, schema.MustCatalogue(size))
		fillHistogram(b, newEngine(b, recorder), size, tiers)
		benchmarkScrape(b, newRegistered(b, recorder), lines)
	})
	serial(b, "otel_cached", func(b *testing.B) {
		meter, handler := newStock(b)
		recordHistogram(b, meter, size, tiers)
		benchmarkScrape(b, handler, lines)
	})
	serial(b, "client_golang", func(b *testing.B) {
		registry := newClientHistograms(size.Description, tiers)
		benchmarkScrape(b, newHandler(registry), lines)
	})
	serial(b, "victoriametrics", func(b *testing.B) {
		set := vm.NewSet()
		for _, tier := range tiers {
			histogram := set.NewPrometheusHistogramExt(victoriaName("benchmark_size", tier), boundaries())
			for _, sample := range sizes {
				histogram.Update(sample)
			}
		}
		benchmarkScrape(b, victoriaHandler(set), lines)
	})
}

// newClientHistograms returns a registry of client_golang with the histogram of every tier.
func newClientHistograms(help string, tiers []string) *promclient.Registry {
	registry := promclient.NewRegistry()
	vector := promclient.NewHistogramVec(promclient.HistogramOpts{
		Name: "benchmark_size", Help: help, Buckets: boundaries(),
	}, labelNames())
	registry.MustRegister(vector)
	for _, tier := range tiers {
		for _, sample := range sizes {
			vector.WithLabelValues(modelName, engine, tier).Observe(sample)
		}
	}
	return registry
}

// newStock returns a meter without a limit of series, and the scrape handler of
// the stock exporter.
func newStock(b *testing.B) (metric.Meter, http.Handler) {
	b.Helper()
	registry := promclient.NewRegistry()
	exporter := must(stock.New(stock.WithRegisterer(registry), stock.WithoutScopeInfo(), stock.WithoutTargetInfo()))(b)
	return serveReader(b, exporter).Meter("benchmarks"), newHandler(registry)
}

func newHandler(registry *promclient.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// victoriaHandler returns a scrape handler of VictoriaMetrics/metrics.
func victoriaHandler(set *vm.Set) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { set.WritePrometheus(w) })
}

// newScraped returns the scrape handler of a recorder of the given series.
func newScraped(b *testing.B, s scalars, tiers []string) http.Handler {
	b.Helper()
	recorder := newRecorder(b, s.catalogue())
	s.fill(b, newEngine(b, recorder), tiers)
	return newOwnHandler(b, recorder)
}

// newOwnHandler returns otelkv's handler of scrapes.
func newOwnHandler(b *testing.B, recorder *otelkv.Recorder) http.Handler {
	b.Helper()
	collector := must(prometheus.NewCollector(recorder))(b)
	return must(prometheus.NewHandler([]*prometheus.Collector{collector}))(b)
}

// newRegistered returns the handler of a registry that has otelkv's collector.
func newRegistered(b *testing.B, recorder *otelkv.Recorder) http.Handler {
	b.Helper()
	registry := promclient.NewRegistry()
	if err := registry.Register(must(prometheus.NewCollector(recorder))(b)); err != nil {
		b.Fatal(err)
	}
	return newHandler(registry)
}

// benchmarkScrape scrapes over HTTP from loopback, without compression, and checks that no
// line is missing.
func benchmarkScrape(b *testing.B, handler http.Handler, lines int) {
	b.Helper()
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	b.Cleanup(client.CloseIdleConnections)
	body := bytes.NewBufferString("\n") // so that every sample follows a new line
	for b.Loop() {
		body.Truncate(1)
		response := must(client.Get(server.URL))(b)
		must(body.ReadFrom(response.Body))(b)
		_ = response.Body.Close()
	}
	if n := bytes.Count(body.Bytes(), []byte("\nbenchmark")); n != lines {
		b.Fatalf("the scrape has %d samples, want %d", n, lines)
	}
}
