// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// TestViews holds that views act on a recorder's metrics and on the host's instruments.
func TestViews(t *testing.T) {
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	views := []sdkmetric.View{
		sdkmetric.NewView(sdkmetric.Instrument{Name: "test.load_bytes"}, sdkmetric.Stream{Name: "ours", AttributeFilter: attribute.NewDenyKeysFilter("engine")}),
		sdkmetric.NewView(sdkmetric.Instrument{Name: "host.requests"}, sdkmetric.Stream{Name: "theirs"}),
	}
	pipeline := newPipeline(t, exporters.WithExporters("prometheus,otlp"),
		exporters.WithExportOptions(otelkv.WithViews(views...)), exporters.WithProviderOptions(sdkmetric.WithView(views...)))
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The host's instruments are in a request of their own.
	if points := collector.Metrics(t)["ours"].GetSum().GetDataPoints(); len(points) != 1 || points[0].GetAsInt() != 7 || len(points[0].GetAttributes()) != 1 {
		t.Errorf("sent %v", points)
	}
	count(t, pipeline, "host.requests")
	text := scrape(t, pipeline)
	for _, want := range []string{"\nours_total{engine=\"\",model_name=\"m\"} 7\n", "\ntheirs_total{"} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape lacks %q:\n%s", want, text)
		}
	}
	for _, name := range []string{"otlp", "prometheus"} {
		if _, err := startAlone(t, exporters.WithExporters(name), exporters.WithServer("127.0.0.1:0"), exporters.WithExportOptions(otelkv.WithViews(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "test.load_bytes"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationLastValue{}})))); err == nil || !strings.Contains(err.Error(), `view 1 of 1: metric "test.load_bytes"`) {
			t.Errorf("%s: got %v, want an error that names the view and the metric", name, err)
		}
	}
}

// TestExponentialHistograms tests that the exporter otlp sends exponential buckets if the
// environment asks for them, and that scrapes do not change.
func TestExponentialHistograms(t *testing.T) {
	size := schema.Histogram{Name: "test.size", PrometheusName: "test_size", Unit: "By", Description: "Sizes.", Boundaries: []float64{1}}
	recorder, err := otelkv.New(schema.MustCatalogue(size))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram")
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("prometheus,otlp"))
	histogram, err := engine.Histogram(size)
	if err != nil {
		t.Fatal(err)
	}
	histogram.Record(4096)
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	points := collector.Metrics(t)["test.size"].GetExponentialHistogram().GetDataPoints()
	if len(points) != 1 || points[0].GetCount() != 1 || points[0].GetSum() != 4096 || points[0].GetScale() != 5 || points[0].GetPositive().GetOffset() != 12*32-1 {
		t.Errorf("sent %v, want one sample of 4096", points)
	}
	if text := scrape(t, pipeline); !strings.Contains(text, `test_size_bucket{engine="0",model_name="m",le="1"} 0`) {
		t.Errorf("the scrape has no buckets:\n%s", text)
	}
}

// TestConsole holds that console writes to the standard output, and none does not.
func TestConsole(t *testing.T) {
	for name, want := range map[string]bool{"console": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			written := standardOutput(t)
			pipeline := newPipeline(t, exporters.WithExporters(name))
			if err := errors.Join(pipeline.ForceFlush(t.Context()), pipeline.Shutdown(t.Context())); err != nil {
				t.Error(err)
			}
			if text := written(); strings.Contains(text, "test.load_bytes") != want || !want && text != "" {
				t.Errorf("it exports:\n%s", text)
			}
		})
	}
}

// standardOutput returns a function that returns what was written to the standard output
// of the test.
func standardOutput(t *testing.T) func() string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdout
	os.Stdout = file
	t.Cleanup(func() { os.Stdout, _ = before, file.Close() })
	return func() string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// TestNativeHistograms holds that native histograms are an option of scrapes: pushes have
// each histogram once.
func TestNativeHistograms(t *testing.T) {
	recorder, _ := newRecorder(t)
	engine, err := recorder.Engine(0)
	if err != nil {
		t.Fatal(err)
	}
	definition, err := catalogue.Histogram("test.load_size")
	if err != nil {
		t.Fatal(err)
	}
	sent := &memory{names: make(map[string]int)}
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("prometheus"), exporters.WithExporter(sent), exporters.WithoutServer(),
		exporters.WithExportOptions(otelkv.WithNativeHistograms()))
	histogram, err := engine.Histogram(definition)
	if err != nil {
		t.Fatal(err)
	}
	histogram.Record(7)
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := sent.count("test.load_size"); n != 1 {
		t.Errorf("the histogram was sent %d times, want once", n)
	}
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	response := httptest.NewRecorder()
	pipeline.Handler().ServeHTTP(response, request)
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header()))
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err != nil {
			t.Fatalf("the scrape has no histogram: %v", err)
		}
		if family.GetName() == "test:load_size" {
			if h := family.GetMetric()[0].GetHistogram(); h.Schema == nil || len(h.GetBucket()) == 0 {
				t.Errorf("the scrape shows %v, want both kinds of buckets", h)
			}
			return
		}
	}
}

func TestResourceThatIsNoText(t *testing.T) {
	_, err := startAlone(t, exporters.WithExporters("none"), exporters.WithProviderOptions(sdkmetric.WithResource(resource.NewSchemaless(attribute.String("a", "\xff")))))
	if err == nil || !strings.Contains(err.Error(), `resource attribute "a"`) {
		t.Errorf("got %v, want an error that names the attribute", err)
	}
}
