// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	"google.golang.org/protobuf/proto"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// FuzzScrape tests that no family of the host can forge or remove a line of ours, and
// that a parser reads our label values unchanged.
func FuzzScrape(f *testing.F) {
	f.Add("http_requests_total", "Requests.", "http_route", "/a", uint8(0))
	f.Add("test:jobs", "x", "le", "+Inf", uint8(1))
	f.Add("test:load_size_bucket", "a\nb\\", "__name__", "\"}\n\xff", uint8(2))
	f.Add("test:load_bytes", "", "", "\x00", uint8(3))
	f.Fuzz(func(t *testing.T, name, help, key, value string, kind uint8) {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
		m := &dto.Metric{Label: []*dto.LabelPair{{Name: &key, Value: &value}}}
		foreign := &dto.MetricFamily{Name: &name, Help: &help, Metric: []*dto.Metric{m}}
		switch kind % 4 {
		case 0:
			foreign.Type, m.Counter = dto.MetricType_COUNTER.Enum(), &dto.Counter{Value: proto.Float64(1)}
		case 1:
			foreign.Type, m.Gauge = dto.MetricType_GAUGE.Enum(), &dto.Gauge{Value: proto.Float64(1)}
		case 2:
			foreign.Type, m.Histogram = dto.MetricType_HISTOGRAM.Enum(), &dto.Histogram{SampleCount: proto.Uint64(1), SampleSum: proto.Float64(2)}
		default:
			foreign.Type, m.Summary = dto.MetricType_SUMMARY.Enum(), &dto.Summary{SampleCount: proto.Uint64(1), SampleSum: proto.Float64(2)}
		}
		recorder := newRecorder(t, everyKind)
		engine := addEngine(t, recorder, 0)
		tier, err := engine.Int64Counter(loadBytes, value)
		if err == nil {
			tier.Add(5)
		}
		must[otelkv.Float64Gauge](t)(engine.Float64Gauge(usage)).Record(0.5)
		collector := newCollector(t, recorder)
		text := body(t, scrape(t, newHandler(t, collector, promclient.GathererFunc(func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{foreign}, nil
		})), ""))
		ours := 0
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "test:usage_perc{") {
				ours++
			}
		}
		if ours != 1 {
			t.Errorf("test:usage_perc has %d lines in:\n%s", ours, text)
		}
		if err != nil {
			return
		}
		text = body(t, scrape(t, newHandler(t, collector), ""))
		if !utf8.ValidString(text) {
			t.Errorf("Prometheus refuses the scrape: it is not UTF-8:\n%q", text)
		}
		loads := families(t, text)["test:load_bytes_total"].GetMetric()
		if len(loads) != 1 || loads[0].GetCounter().GetValue() != 5 {
			t.Fatalf("test:load_bytes_total is %v in:\n%s", loads, text)
		}
		if got, want := label(loads[0], "tier"), strings.ToValidUTF8(value, "\uFFFD"); got != want {
			t.Errorf("tier is %q, want %q", got, want)
		}
	})
}

// FuzzCatalogueNames tests that every metric that a catalogue accepts is shown with
// exactly the name, the description and the label of its definition.
func FuzzCatalogueNames(f *testing.F) {
	for _, name := range []string{"test:total_bytes", "test:total_bytes_total", "total", "_total", "x_total_total", ":", "target_info", "x_bucket", "x_info"} {
		for kind := range uint8(3) {
			f.Add(name, "a\r\nb\\n \"c\" ", "tier", kind)
		}
	}
	f.Fuzz(func(t *testing.T, prometheusName, description, labelName string, kind uint8) {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Errorf("reported: %v", err) }))
		const name = "a"
		labels := []string{labelName}
		counter := schema.Int64Counter{Name: name, PrometheusName: prometheusName, Unit: "By", Description: description, LabelNames: labels}
		gauge := schema.Int64Gauge{Name: name, PrometheusName: prometheusName, Unit: "By", Description: description, LabelNames: labels}
		histogram := schema.Histogram{Name: name, PrometheusName: prometheusName, Unit: "By", Description: description, LabelNames: labels, Boundaries: []float64{1}}
		catalogue, err := schema.NewCatalogue([]schema.Metric{counter, gauge, histogram}[kind%3])
		if err != nil {
			return
		}
		recorder, err := otelkv.New(catalogue)
		if err != nil {
			return // a label of the engine's
		}
		engine := addEngine(t, recorder, 0)
		switch kind % 3 {
		case 0:
			must[otelkv.Int64Counter](t)(engine.Int64Counter(counter, "value")).Add(7)
		case 1:
			must[otelkv.Int64Gauge](t)(engine.Int64Gauge(gauge, "value")).Record(7)
		default:
			h := must[otelkv.Histogram](t)(engine.Histogram(histogram, "value"))
			for range 7 {
				h.Record(2)
			}
		}
		collector := newCollector(t, recorder)
		text := body(t, scrape(t, newHandler(t, collector), ""))
		if other := body(t, scrape(t, registryHandler(collector), "")); other != text {
			t.Errorf("a registry says\n%s\na handler says\n%s", other, text)
		}
		d, _ := catalogue.Lookup(name)
		family := families(t, text)[d.SampleName()]
		// The format cannot show blanks before a description.
		if len(family.GetMetric()) != 1 || family.GetHelp() != strings.TrimLeft(description, " \t") {
			t.Fatalf("family %q is not what was defined: %v in\n%s", d.SampleName(), family, text)
		}
		m := family.GetMetric()[0]
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount()); got != 7 {
			t.Errorf("the value is %v, want 7", got)
		}
		if len(m.GetLabel()) != 3 || label(m, labelName) != "value" {
			t.Errorf("labels %v, want %q beside the engine's", m.GetLabel(), labelName)
		}
	})
}
