package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
)

// BenchmarkScrape scrapes 200 counters and 200 histograms of ten buckets.
func BenchmarkScrape(b *testing.B) {
	const tuples = 200
	produce := producer(func() ([]metricdata.ScopeMetrics, error) {
		counters := make([]metricdata.DataPoint[int64], tuples)
		histograms := make([]metricdata.HistogramDataPoint[float64], tuples)
		for i := range tuples {
			labels := attribute.NewSet(attribute.String("model_name", "m"), attribute.String("engine", strconv.Itoa(i)), attribute.String("tier", "1:fs"))
			counters[i] = metricdata.DataPoint[int64]{Attributes: labels, Value: 1}
			histograms[i] = metricdata.HistogramDataPoint[float64]{
				Attributes: labels, Bounds: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, BucketCounts: make([]uint64, 10),
			}
		}
		return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "test.load_bytes", Data: metricdata.Sum[int64]{IsMonotonic: true, Temporality: metricdata.CumulativeTemporality, DataPoints: counters}},
			{Name: "test.load_size", Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: histograms}},
		}}}, nil
	})
	exporter, err := prometheus.New(everyKind(), prometheus.WithProducer(produce))
	if err != nil {
		b.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(b.Context()) }()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	b.ReportAllocs()
	for b.Loop() {
		recorder := httptest.NewRecorder()
		exporter.Handler().ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Code)
		}
	}
}
