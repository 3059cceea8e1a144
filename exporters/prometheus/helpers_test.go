// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestMain(m *testing.M) {
	cleanenv.Unset()
	goleak.VerifyTestMain(m)
}

const openMetrics = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"

// The catalogue has a metric of each kind and number, with names that the standard
// translation changes.
var (
	loadBytes  = schema.Int64Counter{Name: "test.load_bytes", PrometheusName: "test:load_bytes", Unit: "By", Description: "Bytes loaded.", LabelNames: []string{"tier"}}
	loadTime   = schema.Float64Counter{Name: "test.load_time", PrometheusName: "test:load_time", Unit: "s", Description: "Seconds of loading."}
	totalBytes = schema.Int64Counter{Name: "test.total_bytes", PrometheusName: "test:total_bytes", Unit: "By", Description: "Bytes in all."}
	skipped    = schema.Int64Counter{Name: "test.skipped", PrometheusName: "test:skipped_total", Unit: "{block}", Description: "Blocks skipped."}
	jobs       = schema.Int64Gauge{Name: "test.jobs", PrometheusName: "test:jobs", Unit: "{job}", Description: "Jobs under way."}
	usage      = schema.Float64Gauge{Name: "test.usage", PrometheusName: "test:usage_perc", Unit: "1", Description: "Used fraction."}
	loadSize   = schema.Histogram{Name: "test.load_size", PrometheusName: "test:load_size", Unit: "By", Description: "Sizes of loads.", Boundaries: []float64{1e6, 5e6}}
)

var everyKind = schema.MustCatalogue(loadBytes, loadTime, totalBytes, skipped, jobs, usage, loadSize)

func newRecorder(t testing.TB, catalogue *schema.Catalogue, options ...otelkv.Option) *otelkv.Recorder {
	t.Helper()
	recorder, err := otelkv.New(catalogue, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recorder.Close() })
	return recorder
}

func addEngine(t testing.TB, recorder *otelkv.Recorder, index int) *otelkv.Engine {
	t.Helper()
	engine, err := recorder.AddEngine(index, "m")
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// must returns a bound instrument.
func must[I any](t testing.TB) func(I, error) I {
	return func(instrument I, err error) I {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return instrument
	}
}

// measure records one value with each metric.
func measure(t testing.TB, engine *otelkv.Engine) {
	t.Helper()
	must[otelkv.Int64Counter](t)(engine.Int64Counter(loadBytes, "1:fs")).Add(4096)
	must[otelkv.Float64Counter](t)(engine.Float64Counter(loadTime)).Add(0.25)
	must[otelkv.Int64Counter](t)(engine.Int64Counter(totalBytes)).Add(8192)
	must[otelkv.Int64Counter](t)(engine.Int64Counter(skipped)).Add(3)
	must[otelkv.Int64Gauge](t)(engine.Int64Gauge(jobs)).Record(7)
	must[otelkv.Float64Gauge](t)(engine.Float64Gauge(usage)).Record(0.5)
	must[otelkv.Histogram](t)(engine.Histogram(loadSize)).Record(2e6)
}

func newCollector(t testing.TB, recorder *otelkv.Recorder, options ...otelkv.ExportOption) *prometheus.Collector {
	t.Helper()
	collector, err := prometheus.NewCollector(recorder, options...)
	if err != nil {
		t.Fatal(err)
	}
	return collector
}

func newHandler(t testing.TB, collector *prometheus.Collector, gatherers ...promclient.Gatherer) http.Handler {
	t.Helper()
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collector}, gatherers...)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// registryHandler serves the collectors with a registry, as services do.
func registryHandler(collectors ...promclient.Collector) http.Handler {
	registry := promclient.NewPedanticRegistry()
	registry.MustRegister(collectors...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
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

// families parses text with the parser of Prometheus's Go library.
func families(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parsed := make(map[string]*dto.MetricFamily)
	decoder := expfmt.NewDecoder(strings.NewReader(text), expfmt.NewFormat(expfmt.TypeTextPlain))
	for {
		family := new(dto.MetricFamily)
		switch err := decoder.Decode(family); {
		case errors.Is(err, io.EOF):
			return parsed
		case err != nil:
			t.Fatalf("the scrape does not parse: %v\n%s", err, text)
		}
		parsed[family.GetName()] = family
	}
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

// handled collects the errors that reach the error handler of package otel. The handler
// is global, so tests that use it do not run in parallel.
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
