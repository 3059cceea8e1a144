package prometheus_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
)

// FuzzScrape holds that no name, unit, description, label or scope of the host's
// makes a scrape invalid, forges a line of ours, or takes ours away, and that a
// label value of ours comes out of a parser as it went in.
func FuzzScrape(f *testing.F) {
	f.Add("http.requests", "1", "Requests.", "http.route", "/a", "scope", uint8(0))
	f.Add("test:jobs", "", "x", "le", "+Inf", "", uint8(1))
	f.Add("test.load_size", "By", "a\nb\\", "__name__", "\"}\n\xff", "test", uint8(2))
	f.Add("total", "s/s", "", "", "\x00", "\xff", uint8(3))
	f.Fuzz(func(t *testing.T, name, unit, description, key, value, scope string, kind uint8) {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
		point := metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String(key, value)), Value: 1}
		var data metricdata.Aggregation
		switch kind % 4 {
		case 0:
			data = metricdata.Sum[int64]{IsMonotonic: true, Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.DataPoint[int64]{point}}
		case 1:
			data = metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.DataPoint[int64]{point}}
		case 2:
			data = metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{point}}
		default:
			data = metricdata.Histogram[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[int64]{{
				Attributes: point.Attributes, Bounds: []float64{1}, BucketCounts: []uint64{0, 1}, Count: 1, Sum: 2,
			}}}
		}
		foreign := metricdata.ScopeMetrics{Metrics: []metricdata.Metrics{{Name: name, Unit: unit, Description: description, Data: data}}}
		foreign.Scope.Name, foreign.Scope.Version = scope, value
		ours := metricdata.ScopeMetrics{Metrics: []metricdata.Metrics{{Name: "test.usage", Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{
			{Attributes: attribute.NewSet(attribute.String("tier", value)), Value: 0.5},
		}}}}}
		registry := promclient.NewRegistry()
		exporter, err := prometheus.New(everyKind(), prometheus.WithRegisterer(registry), prometheus.WithTargetInfo(),
			prometheus.WithProducer(producer(func() ([]metricdata.ScopeMetrics, error) {
				return []metricdata.ScopeMetrics{ours, foreign}, nil
			})))
		if err != nil {
			t.Fatal(err)
		}
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
		defer func() { _ = provider.Shutdown(context.Background()) }()

		text := body(t, scrape(t, hostHandler(registry), ""))
		if !utf8.ValidString(text) {
			t.Errorf("Prometheus refuses the scrape: it is not UTF-8:\n%q", text)
		}
		parsed := families(t, text)
		usage := parsed["test:usage_perc"]
		if len(usage.GetMetric()) != 1 {
			if name == "test.usage" || name == "test:usage_perc" {
				return
			}
			t.Fatalf("test:usage_perc has %d series in:\n%s", len(usage.GetMetric()), text)
		}
		if got, want := label(usage.GetMetric()[0], "tier"), strings.ToValidUTF8(value, "\uFFFD"); got != want {
			t.Errorf("tier is %q, want %q", got, want)
		}
	})
}

func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}
