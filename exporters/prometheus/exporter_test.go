package prometheus_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestMain(m *testing.M) {
	cleanenv.Unset()
	goleak.VerifyTestMain(m)
}

const openMetrics = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"

// everyKind has a metric of each kind and number, and the names that the
// standard translation changes.
func everyKind() *schema.Catalogue {
	return schema.MustCatalogue(
		schema.Int64Counter{Name: "test.load_bytes", PrometheusName: "test:load_bytes", Unit: "By", Description: "Bytes loaded.", LabelNames: []string{"tier"}},
		schema.Float64Counter{Name: "test.load_time", PrometheusName: "test:load_time", Unit: "s", Description: "Seconds of loading."},
		schema.Int64Counter{Name: "test.total_bytes", PrometheusName: "test:total_bytes", Unit: "By", Description: "Bytes in all."},
		schema.Int64Counter{Name: "test.skipped", PrometheusName: "test:skipped_total", Unit: "{block}", Description: "Blocks skipped."},
		schema.Int64Gauge{Name: "test.jobs", PrometheusName: "test:jobs", Unit: "{job}", Description: "Jobs under way."},
		schema.Float64Gauge{Name: "test.usage", PrometheusName: "test:usage_perc", Unit: "1", Description: "Used fraction."},
		schema.Histogram{Name: "test.load_size", PrometheusName: "test:load_size", Unit: "By", Description: "Sizes of loads.", Boundaries: []float64{1e6, 5e6}},
	)
}

// instruments measures one value with each instrument of the definitions.
func instruments(t *testing.T, meter metric.Meter, catalogue *schema.Catalogue, attributes ...attribute.KeyValue) {
	t.Helper()
	ctx, option := t.Context(), metric.WithAttributeSet(attribute.NewSet(slices.Clone(attributes)...))
	for d := range catalogue.All() {
		var err error
		switch d.Kind() {
		case schema.KindCounter:
			var c metric.Float64Counter
			c, err = meter.Float64Counter(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description))
			c.Add(ctx, 4096, option)
		case schema.KindGauge:
			var g metric.Float64Gauge
			g, err = meter.Float64Gauge(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description))
			g.Record(ctx, 0.5, option)
		default:
			var h metric.Float64Histogram
			h, err = meter.Float64Histogram(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description), metric.WithExplicitBucketBoundaries(d.Boundaries...))
			h.Record(ctx, 2e6, option)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

var engine = []attribute.KeyValue{attribute.String("model_name", "m"), attribute.String("engine", "0")}

// newExporter returns an exporter on a provider of its own, both shut down when
// the test ends.
func newExporter(t *testing.T, catalogue *schema.Catalogue, opts ...prometheus.Option) (*prometheus.Exporter, *sdkmetric.MeterProvider) {
	t.Helper()
	exporter, err := prometheus.New(catalogue, opts...)
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc"), attribute.String("9.lives", "yes"))),
	)
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return exporter, provider
}

func scrape(t *testing.T, handler http.Handler, accept string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func body(t *testing.T, response *httptest.ResponseRecorder) string {
	t.Helper()
	if response.Code != http.StatusOK {
		t.Fatalf("status %d: %s", response.Code, response.Body)
	}
	return response.Body.String()
}

// families parses text as the llm-d router does.
func families(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("the scrape does not parse: %v\n%s", err, text)
	}
	return parsed
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// handled collects what is reported to the error handler of package otel. The
// handler is the process's, so tests that use it do not run in parallel.
type handled struct {
	mu   sync.Mutex
	errs []error
}

func (h *handled) Handle(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
}

func (h *handled) joined() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.errs...)
}

func handleErrors(t *testing.T) *handled {
	t.Helper()
	h := new(handled)
	otel.SetErrorHandler(h)
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return h
}

func TestExposition(t *testing.T) {
	tests := []struct {
		name    string
		accept  string
		opts    []prometheus.Option
		measure func(t *testing.T, provider *sdkmetric.MeterProvider)
	}{
		{name: "every_kind"},
		{name: "every_kind_openmetrics", accept: openMetrics},
		{name: "target_info", opts: []prometheus.Option{prometheus.WithTargetInfo()}},
		{name: "foreign_metrics", measure: func(t *testing.T, provider *sdkmetric.MeterProvider) {
			meter := provider.Meter("host.example/http", metric.WithInstrumentationVersion("1.2"), metric.WithInstrumentationAttributes(attribute.String("team.name", "a")))
			requests, _ := meter.Int64Counter("http.server.requests", metric.WithUnit("{request}"), metric.WithDescription("Requests."))
			requests.Add(t.Context(), 3, metric.WithAttributes(attribute.String("http.route", "/a"), attribute.Int("http.status", 200)))
			duration, _ := meter.Float64Histogram("http.server.duration", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.5))
			duration.Record(t.Context(), 0.25)
			active, _ := meter.Int64UpDownCounter("http.server.active")
			active.Add(t.Context(), 2)
			memory, _ := meter.Float64Gauge("process.memory", metric.WithUnit("By"))
			memory.Record(t.Context(), 1.5)
		}},
		{name: "foreign_metrics_openmetrics_utf8", accept: "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", measure: func(t *testing.T, provider *sdkmetric.MeterProvider) {
			requests, _ := provider.Meter("host.example/http").Int64Counter("http.server.requests")
			requests.Add(t.Context(), 3, metric.WithAttributes(attribute.String("http.route", "/a")))
		}},
		{name: "two_scopes_with_one_name", measure: func(t *testing.T, provider *sdkmetric.MeterProvider) {
			for _, scope := range []string{"host.example/a", "host.example/b"} {
				c, _ := provider.Meter(scope).Int64Counter("requests")
				c.Add(t.Context(), 1)
			}
		}},
		{name: "labels_that_become_one", measure: func(t *testing.T, provider *sdkmetric.MeterProvider) {
			c, _ := provider.Meter("host.example/a").Int64Counter("requests")
			c.Add(t.Context(), 1, metric.WithAttributes(attribute.String("a.b", "2"), attribute.String("a_b", "1")))
		}},
		{name: "exponential_histogram", opts: []prometheus.Option{prometheus.WithProducer(exponential)}, measure: nothing},
		{name: "hostile_label_values", measure: func(t *testing.T, provider *sdkmetric.MeterProvider) {
			forged := "\"} 1\ntest:load_bytes_total{tier=\"forged\"} 9\n\\"
			c, _ := provider.Meter("otelkv").Int64Counter("test.load_bytes")
			c.Add(t.Context(), 1, metric.WithAttributes(append(engine, attribute.String("tier", forged))...))
			c.Add(t.Context(), 2, metric.WithAttributes(append(engine, attribute.String("tier", "\xff\xfe"))...))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			errs := handleErrors(t)
			exporter, provider := newExporter(t, everyKind(), test.opts...)
			if test.measure == nil {
				instruments(t, provider.Meter("otelkv"), everyKind(), engine...)
			} else {
				test.measure(t, provider)
			}
			golden(t, test.name, body(t, scrape(t, exporter.Handler(), test.accept)))
			if err := errs.joined(); err != nil {
				t.Errorf("reported: %v", err)
			}
		})
	}
}

func nothing(*testing.T, *sdkmetric.MeterProvider) {}

// exemplars has a point of each type that can carry an exemplar, with an
// attribute that a label has to spell differently and one that no label can
// carry.
var exemplars = producer(func() ([]metricdata.ScopeMetrics, error) {
	at := time.Unix(1e9, 0)
	filtered := []attribute.KeyValue{attribute.String("b.c", "1"), attribute.String("__a__", "2")}
	trace, span := []byte{0: 1, 15: 0}, []byte{0: 2, 7: 0}
	return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "test.load_bytes", Data: metricdata.Sum[int64]{IsMonotonic: true, Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.DataPoint[int64]{{
			Value: 3, Exemplars: []metricdata.Exemplar[int64]{{FilteredAttributes: filtered, Time: at, Value: 2, TraceID: trace, SpanID: span}},
		}}}},
		{Name: "test.load_size", Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
			Count: 1, Sum: 2, Bounds: []float64{1}, BucketCounts: []uint64{0, 1},
			Exemplars: []metricdata.Exemplar[float64]{{FilteredAttributes: filtered, Time: at, Value: 2, TraceID: trace, SpanID: span}},
		}}}},
	}}}, nil
})

// exponential is what a view can make of a histogram.
var exponential = producer(func() ([]metricdata.ScopeMetrics, error) {
	return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "test.load_size", Data: metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
			Attributes: attribute.NewSet(attribute.String("tier", "1:fs")), Count: 1, Sum: 2, Scale: 1, PositiveBucket: metricdata.ExponentialBucket{Offset: 1, Counts: []uint64{1}},
		}}}},
	}}}, nil
})

func TestExemplars(t *testing.T) {
	exporter, _ := newExporter(t, everyKind(), prometheus.WithProducer(exemplars))
	var got []string
	for line := range strings.Lines(body(t, scrape(t, exporter.Handler(), openMetrics))) {
		sample, exemplar, ok := strings.Cut(strings.TrimSpace(line), " # {")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		// The labels of an exemplar come in any order.
		names, value, _ := strings.Cut(exemplar, "} ")
		labels := strings.Split(names, ",")
		slices.Sort(labels)
		got = append(got, sample+" # "+strings.Join(labels, ",")+" "+value)
	}
	const exemplar = ` # b_c="1",span_id="0200000000000000",trace_id="01000000000000000000000000000000" 2.0 1e+09`
	want := []string{"test:load_bytes_total 3.0" + exemplar, `test:load_size_bucket{le="+Inf"} 1` + exemplar}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples with exemplars (-want +got):\n%s", diff)
	}
}

func TestVLLMNames(t *testing.T) {
	catalogue := vllm.TieringSpec()
	exporter, provider := newExporter(t, catalogue)
	instruments(t, provider.Meter("otelkv"), catalogue, engine...)
	text := body(t, scrape(t, exporter.Handler(), ""))
	got := families(t, text)
	types := map[schema.Kind]dto.MetricType{
		schema.KindCounter:   dto.MetricType_COUNTER,
		schema.KindGauge:     dto.MetricType_GAUGE,
		schema.KindHistogram: dto.MetricType_HISTOGRAM,
	}
	for d := range catalogue.All() {
		family, ok := got[d.SampleName()]
		if !ok {
			t.Errorf("no family %s", d.SampleName())
			continue
		}
		if family.GetType() != types[d.Kind()] {
			t.Errorf("family %s is a %s, want a %s", d.SampleName(), family.GetType(), types[d.Kind()])
		}
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName()+"="+pair.GetValue())
		}
		if diff := cmp.Diff([]string{"engine=0", "model_name=m"}, labels); diff != "" {
			t.Errorf("labels of %s (-want +got):\n%s", d.SampleName(), diff)
		}
		delete(got, d.SampleName())
	}
	for name := range got {
		t.Errorf("family %s is nobody's", name)
	}
	for _, exact := range []string{"vllm:kv_offload_total_bytes_total{", "vllm:kv_offload_total_time_total{"} {
		if !strings.Contains(text, "\n"+exact) {
			t.Errorf("no sample %s...}", exact)
		}
	}
	for _, unwanted := range []string{"_created", "otel_scope_", "target_info"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the scrape contains %s", unwanted)
		}
	}
}

// hostHandler serves a registry as a host that never heard of this package
// does: one error fails the scrape.
func hostHandler(registry *promclient.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
}

func TestHostRegistry(t *testing.T) {
	registry := promclient.NewRegistry()
	own := promclient.NewCounter(promclient.CounterOpts{Name: "host_requests_total", Help: "The host's own."})
	own.Inc()
	registry.MustRegister(own)
	exporter, provider := newExporter(t, everyKind(), prometheus.WithRegisterer(registry))
	instruments(t, provider.Meter("otelkv"), everyKind(), engine...)
	golden(t, "host_registry", body(t, scrape(t, hostHandler(registry), "")))

	t.Run("without exported", func(t *testing.T) {
		mfs, err := exporter.WithoutExported(registry).Gather()
		if err != nil {
			t.Fatal(err)
		}
		if len(mfs) != 1 || mfs[0].GetName() != "host_requests_total" {
			t.Errorf("gathered %v, want the host's own family alone", mfs)
		}
	})
	t.Run("after shutdown", func(t *testing.T) {
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		golden(t, "host_registry_after_shutdown", body(t, scrape(t, hostHandler(registry), "")))
	})
}

func TestTwoExportersOnOneRegistry(t *testing.T) {
	registry := promclient.NewRegistry()
	for _, index := range []string{"0", "1"} {
		_, provider := newExporter(t, everyKind(), prometheus.WithRegisterer(registry))
		instruments(t, provider.Meter("otelkv"), everyKind(), attribute.String("model_name", "m"), attribute.String("engine", index))
	}
	golden(t, "two_exporters_on_one_registry", body(t, scrape(t, hostHandler(registry), "")))
}

func TestRegistererRefuses(t *testing.T) {
	refusal := errors.New("full")
	_, err := prometheus.New(everyKind(), prometheus.WithRegisterer(refusing{promclient.NewRegistry(), refusal}))
	if !errors.Is(err, refusal) {
		t.Errorf("got %v, want the registerer's error", err)
	}
}

type refusing struct {
	promclient.Registerer
	err error
}

func (r refusing) Register(promclient.Collector) error { return r.err }

func TestNewRefuses(t *testing.T) {
	if _, err := prometheus.New(nil); err == nil {
		t.Error("a nil catalogue is taken")
	}
	if _, err := prometheus.New(everyKind(), prometheus.WithMaxConcurrentScrapes(0)); err == nil {
		t.Error("zero concurrent scrapes are taken")
	}
}

// TestForeignMetricsCannotBreakTheScrape holds, on a registry whose handler
// gives up on any error, that a bad metric of the host leaves ours complete.
func TestForeignMetricsCannotBreakTheScrape(t *testing.T) {
	sum := func(attributes ...attribute.KeyValue) metricdata.Sum[int64] {
		return metricdata.Sum[int64]{
			Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
			DataPoints: []metricdata.DataPoint[int64]{{Attributes: attribute.NewSet(attributes...), Value: 1}},
		}
	}
	gauge := metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 1}}}
	histogram := func(attributes ...attribute.KeyValue) metricdata.Histogram[float64] {
		return metricdata.Histogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints: []metricdata.HistogramDataPoint[float64]{{
				Attributes: attribute.NewSet(attributes...), Bounds: []float64{1}, BucketCounts: []uint64{1, 0}, Count: 1, Sum: 1,
			}},
		}
	}
	tests := []struct {
		name    string
		foreign []metricdata.Metrics
		want    string
	}{
		{"catalogue name with another kind", []metricdata.Metrics{{Name: "test.load_bytes", Data: gauge}}, "test.load_bytes"},
		{"catalogue family name with another kind", []metricdata.Metrics{{Name: "test:load_bytes", Data: gauge}}, "test:load_bytes"},
		{"sample name of a catalogue counter", []metricdata.Metrics{{Name: "test:load_bytes_total", Data: gauge}}, "test:load_bytes_total"},
		{"sample name of a catalogue counter with its kind", []metricdata.Metrics{{Name: "test:load_bytes_total", Data: sum()}}, "test:load_bytes_total"},
		{"sample name of a catalogue histogram", []metricdata.Metrics{{Name: "test:load_size_count", Data: gauge}}, "test:load_size_count"},
		{"target_info", []metricdata.Metrics{{Name: "target.info", Data: gauge}}, "target.info"},
		{"two types under one name", []metricdata.Metrics{{Name: "a.b", Data: gauge}, {Name: "a_b", Data: histogram()}}, "a_b"},
		{"histogram sample of another", []metricdata.Metrics{{Name: "h", Data: histogram()}, {Name: "h.count", Data: gauge}}, "h.count"},
		{"one series twice", []metricdata.Metrics{{Name: "a.b", Data: gauge}, {Name: "a_b", Data: gauge}}, "twice"},
		{"label le on a histogram", []metricdata.Metrics{{Name: "h", Data: histogram(attribute.String("le", "1"))}}, "le"},
		{"reserved label", []metricdata.Metrics{{Name: "c", Data: sum(attribute.String("__name__", "x"))}}, "__name__"},
		{"empty label", []metricdata.Metrics{{Name: "c", Data: sum(attribute.String("", "x"))}}, "label name is empty"},
		{"name without letters", []metricdata.Metrics{{Name: "...", Data: gauge}}, "..."},
		{"scale too coarse", []metricdata.Metrics{{Name: "e", Data: metricdata.ExponentialHistogram[float64]{
			Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{Scale: -5}},
		}}}, "scale is -5"},
		{"summary", []metricdata.Metrics{{Name: "s", Data: metricdata.Summary{}}}, "Summary"},
		{"no data", []metricdata.Metrics{{Name: "n"}}, "nil"},
		{"counter named total", []metricdata.Metrics{{Name: "total", Data: sum()}, {Name: "total_total", Data: gauge}}, "total_total"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			errs := handleErrors(t)
			registry := promclient.NewRegistry()
			foreign := producer(func() ([]metricdata.ScopeMetrics, error) {
				return []metricdata.ScopeMetrics{{Metrics: append([]metricdata.Metrics(nil), test.foreign...)}}, nil
			})
			_, provider := newExporter(t, everyKind(), prometheus.WithRegisterer(registry), prometheus.WithProducer(foreign))
			instruments(t, provider.Meter("otelkv"), everyKind(), engine...)
			for range 2 {
				got := families(t, body(t, scrape(t, hostHandler(registry), "")))
				for d := range everyKind().All() {
					if _, ok := got[d.SampleName()]; !ok {
						t.Errorf("family %s is missing", d.SampleName())
					}
				}
			}
			if err := errs.joined(); !errors.Is(err, prometheus.ErrNotExported) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("reported %v, want ErrNotExported naming %q", err, test.want)
			}
		})
	}
}

// TestDescriptionsOfOneFamily holds that metrics of two scopes which differ in
// their descriptions are both shown, under the first of them.
func TestDescriptionsOfOneFamily(t *testing.T) {
	for _, descriptions := range [][]string{{"", "Requests."}, {"Requests.", ""}, {"Requests.", "Other requests."}} {
		t.Run(fmt.Sprintf("%q", descriptions), func(t *testing.T) {
			errs := handleErrors(t)
			registry := promclient.NewRegistry()
			newExporter(t, everyKind(), prometheus.WithRegisterer(registry), prometheus.WithProducer(producer(func() ([]metricdata.ScopeMetrics, error) {
				var scopes []metricdata.ScopeMetrics
				for i, description := range descriptions {
					scopes = append(scopes, metricdata.ScopeMetrics{
						Scope: instrumentation.Scope{Name: fmt.Sprint("scope", i)},
						Metrics: []metricdata.Metrics{{Name: "requests", Description: description, Data: metricdata.Sum[int64]{
							Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{{Value: 1}},
						}}},
					})
				}
				return scopes, nil
			})))
			for range 2 {
				family := families(t, body(t, scrape(t, hostHandler(registry), "")))["requests_total"]
				if len(family.GetMetric()) != 2 || family.GetHelp() != descriptions[0] {
					t.Errorf("got %v, want both series under %q", family, descriptions[0])
				}
			}
			if err := errs.joined(); err != nil {
				t.Errorf("reported: %v", err)
			}
		})
	}
}

// TestHandlerContinues holds for what only the stock exporter finds out.
func TestHandlerContinues(t *testing.T) {
	errs := handleErrors(t)
	malformed := producer(func() ([]metricdata.ScopeMetrics, error) {
		return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "e", Data: metricdata.ExponentialHistogram[float64]{
			Temporality: metricdata.CumulativeTemporality,
			DataPoints:  []metricdata.ExponentialHistogramDataPoint[float64]{{Count: 5, PositiveBucket: metricdata.ExponentialBucket{Counts: []uint64{1}}}},
		}}}}}, nil
	})
	exporter, provider := newExporter(t, everyKind(), prometheus.WithProducer(malformed))
	instruments(t, provider.Meter("otelkv"), everyKind(), engine...)
	golden(t, "every_kind", body(t, scrape(t, exporter.Handler(), "")))
	if err := errs.joined(); err == nil || !strings.Contains(err.Error(), "otelkv: scrape: error gathering metrics:") {
		t.Errorf("reported %v, want the error of the scrape", err)
	}
}

type producer func() ([]metricdata.ScopeMetrics, error)

func (p producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) { return p() }

// TestFaultOfTheHost holds that what the host's code does wrong during a
// collection does not take our metrics from it.
func TestFaultOfTheHost(t *testing.T) {
	fault := errors.New("the host's fault")
	ours := []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{
		Name: "test.jobs", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 7}}},
	}}}}
	tests := []struct {
		name     string
		callback func() error
		produce  producer
	}{
		{"callback error", func() error { return fault }, nil},
		{"callback panic", func() error { panic(fault) }, nil},
		{"producer error", nil, func() ([]metricdata.ScopeMetrics, error) { return nil, fault }},
		{"producer panic", nil, func() ([]metricdata.ScopeMetrics, error) { panic(fault) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			errs := handleErrors(t)
			opts := []prometheus.Option{prometheus.WithProducer(producer(func() ([]metricdata.ScopeMetrics, error) { return ours, nil }))}
			if test.produce != nil {
				opts = append([]prometheus.Option{prometheus.WithProducer(test.produce)}, opts...)
			}
			exporter, provider := newExporter(t, everyKind(), opts...)
			if test.callback != nil {
				_, err := provider.Meter("host").Int64ObservableGauge("x", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return test.callback() }))
				if err != nil {
					t.Fatal(err)
				}
			}
			if text := body(t, scrape(t, exporter.Handler(), "")); !strings.Contains(text, "\ntest:jobs 7\n") {
				t.Errorf("the scrape lost test:jobs:\n%s", text)
			}
			if err := errs.joined(); err == nil || !strings.Contains(err.Error(), fault.Error()) {
				t.Errorf("reported %v, want the fault", err)
			}
		})
	}
}

func TestLifecycle(t *testing.T) {
	t.Run("before a provider", func(t *testing.T) {
		handleErrors(t)
		exporter, err := prometheus.New(everyKind())
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, scrape(t, exporter.Handler(), "")); text != "" {
			t.Errorf("scrape %q, want an empty one", text)
		}
	})
	t.Run("after shutdown", func(t *testing.T) {
		errs := handleErrors(t)
		exporter, provider := newExporter(t, everyKind(), prometheus.WithTargetInfo())
		instruments(t, provider.Meter("otelkv"), everyKind(), engine...)
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text := body(t, scrape(t, exporter.Handler(), "")); text != "" {
			t.Errorf("scrape %q, want an empty one", text)
		}
		if err := exporter.Shutdown(t.Context()); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
			t.Errorf("second shutdown returned %v, want ErrReaderShutdown", err)
		}
		if err := errs.joined(); err != nil {
			t.Errorf("reported: %v", err)
		}
	})
}

func TestConcurrentScrapes(t *testing.T) {
	errs := handleErrors(t)
	exporter, provider := newExporter(t, everyKind(), prometheus.WithTargetInfo())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				instruments(t, provider.Meter("otelkv"), everyKind(), engine...)
			}
		})
		wg.Go(func() {
			for range 50 {
				families(t, body(t, scrape(t, exporter.Handler(), "")))
			}
		})
	}
	wg.Wait()
	if err := errs.joined(); err != nil {
		t.Errorf("reported: %v", err)
	}
}

func TestHandlerBoundsConcurrentScrapes(t *testing.T) {
	exporter, provider := newExporter(t, everyKind(), prometheus.WithMaxConcurrentScrapes(1))
	collecting, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	_, err := provider.Meter("host").Int64ObservableGauge("x", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error {
		once.Do(func() { close(collecting) })
		<-release
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { body(t, scrape(t, exporter.Handler(), "")) })
	<-collecting
	// A second handler of the same exporter shares the bound.
	if got := scrape(t, exporter.Handler(), "").Code; got != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", got)
	}
	close(release)
	wg.Wait()
}
