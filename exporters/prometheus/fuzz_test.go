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
	"github.com/otelkv/otelkv-go/schema"
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

// FuzzCatalogueNames holds that whatever a catalogue takes is shown under exactly
// the name, the description and the label that the definition has.
func FuzzCatalogueNames(f *testing.F) {
	for _, name := range []string{"test:total_bytes", "test:total_bytes_total", "total", "_total", "x_total_total", ":", "target_info", "x_bucket", "x_info"} {
		for kind := range uint8(3) {
			f.Add(name, "a\r\nb\\n \"c\" ", "tier", kind)
		}
	}
	f.Fuzz(func(t *testing.T, prometheusName, description, label string, kind uint8) {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Errorf("reported: %v", err) }))
		const name = "a"
		labels, set := []string{label}, attribute.NewSet(attribute.String(label, "value"))
		point := metricdata.DataPoint[int64]{Attributes: set, Value: 7}
		var definition schema.Metric
		var data metricdata.Aggregation
		switch kind % 3 {
		case 0:
			definition = schema.Int64Counter{Name: name, PrometheusName: prometheusName, Unit: "By", Description: description, LabelNames: labels}
			data = metricdata.Sum[int64]{IsMonotonic: true, Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.DataPoint[int64]{point}}
		case 1:
			definition = schema.Int64Gauge{Name: name, PrometheusName: prometheusName, Unit: "By", Description: description, LabelNames: labels}
			data = metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{point}}
		default:
			definition = schema.Histogram{Name: name, PrometheusName: prometheusName, Unit: "By", Description: description, LabelNames: labels, Boundaries: []float64{1}}
			data = metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
				Attributes: set, Bounds: []float64{1}, BucketCounts: []uint64{0, 7}, Count: 7, Sum: 14,
			}}}
		}
		catalogue, err := schema.NewCatalogue(definition)
		if err != nil {
			return
		}
		exporter, _ := newExporter(t, catalogue, prometheus.WithProducer(producer(func() ([]metricdata.ScopeMetrics, error) {
			return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: name, Unit: "By", Data: data}}}}, nil
		})))
		text := body(t, scrape(t, exporter.Handler(), ""))
		d, _ := catalogue.Lookup(name)
		family := families(t, text)[d.SampleName()]
		// The format has no way to show blanks before a description.
		if len(family.GetMetric()) != 1 || family.GetHelp() != strings.TrimLeft(description, " \t") {
			t.Fatalf("family %q is not what was defined: %v in\n%s", d.SampleName(), family, text)
		}
		m := family.GetMetric()[0]
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()); got != 7 {
			t.Errorf("the value is %v, want 7", got)
		}
		if len(m.GetLabel()) != 1 || m.GetLabel()[0].GetName() != label {
			t.Errorf("labels %v, want %q alone", m.GetLabel(), label)
		}
	})
}
