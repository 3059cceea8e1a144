package benchmarks

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	stock "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// BenchmarkScrape answers a scrape of 9,500 series, up to the text. The stock
// exporter is told to leave out scope labels and target_info, so that it writes
// no more than otelkv's does.
func BenchmarkScrape(b *testing.B) {
	s, tiers := newScalars(), tierNames(otelkv.DefaultSeriesLimit)

	serial(b, "otelkv", func(b *testing.B) {
		benchmarkScrape(b, newScraped(b, s, tiers), collectedSeries)
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
}

// BenchmarkScrapeHistogram is BenchmarkScrape for 1,900 histogram series of ten
// boundaries.
func BenchmarkScrapeHistogram(b *testing.B) {
	size, tiers := newMetrics("").histogram, tierNames(otelkv.DefaultSeriesLimit)
	// The buckets with that of +Inf, the sum and the count.
	lines := len(tiers) * (len(size.Boundaries) + 3)

	serial(b, "otelkv", func(b *testing.B) {
		recorder, pipeline := newPipeline(b, schema.MustCatalogue(size))
		fillHistogram(b, newEngine(b, recorder), size, tiers)
		benchmarkScrape(b, pipeline.Handler(), lines)
	})
	serial(b, "otel_cached", func(b *testing.B) {
		meter, handler := newStock(b)
		recordHistogram(b, meter, size, tiers)
		benchmarkScrape(b, handler, lines)
	})
	serial(b, "client_golang", func(b *testing.B) {
		registry := promclient.NewRegistry()
		vector := promclient.NewHistogramVec(promclient.HistogramOpts{
			Name: "benchmark_size", Help: size.Description, Buckets: boundaries(),
		}, labelNames())
		registry.MustRegister(vector)
		for _, tier := range tiers {
			for _, sample := range sizes {
				vector.WithLabelValues(modelName, engine, tier).Observe(sample)
			}
		}
		benchmarkScrape(b, newHandler(registry), lines)
	})
}

// newStock returns a meter without a limit of series, and the scrape handler of
// the stock exporter.
func newStock(b *testing.B) (metric.Meter, http.Handler) {
	b.Helper()
	registry := promclient.NewRegistry()
	exporter := must(stock.New(stock.WithRegisterer(registry), stock.WithoutScopeInfo(), stock.WithoutTargetInfo()))(b)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithCardinalityLimit(0))
	b.Cleanup(func() {
		if err := provider.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return provider.Meter("benchmarks"), newHandler(registry)
}

func newHandler(registry *promclient.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// newScraped returns the scrape handler of a pipeline of the given series.
func newScraped(b *testing.B, s scalars, tiers []string) http.Handler {
	b.Helper()
	recorder, pipeline := newPipeline(b, s.catalogue())
	s.fill(b, newEngine(b, recorder), tiers)
	return pipeline.Handler()
}

// benchmarkScrape answers scrapes, and checks that no line is missing.
func benchmarkScrape(b *testing.B, handler http.Handler, lines int) {
	b.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	response := &response{header: make(http.Header)}
	for b.Loop() {
		response.reset()
		handler.ServeHTTP(response, request)
	}
	if n := bytes.Count(response.body.Bytes(), []byte("\nbenchmark")); n != lines {
		b.Fatalf("the scrape has status %d and %d samples, want %d", response.status, n, lines)
	}
}

// A response keeps the memory of the one before.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *response) reset() {
	clear(r.header)
	r.status = http.StatusOK
	r.body.Reset()
}

func (r *response) Header() http.Header         { return r.header }
func (r *response) WriteHeader(status int)      { r.status = status }
func (r *response) Write(p []byte) (int, error) { return r.body.Write(p) }
