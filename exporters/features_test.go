// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
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
	pipeline := newPipeline(t, exporters.WithExporters("prometheus,otlp"), exporters.WithViews(
		sdkmetric.NewView(sdkmetric.Instrument{Name: "test.load_bytes"}, sdkmetric.Stream{Name: "ours", AttributeFilter: attribute.NewDenyKeysFilter("engine")}),
		sdkmetric.NewView(sdkmetric.Instrument{Name: "host.requests"}, sdkmetric.Stream{Name: "theirs"})))
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The host's instruments come in a request of their own.
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
		if _, err := startAlone(t, exporters.WithExporters(name), exporters.WithListen("127.0.0.1:0"), exporters.WithViews(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "test.load_bytes"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationLastValue{}}))); err == nil || !strings.Contains(err.Error(), `view 1 of 1: metric "test.load_bytes"`) {
			t.Errorf("%s: got %v, want an error that names the view and the metric", name, err)
		}
	}
}

// TestExponentialHistograms holds that the exporter otlp sends exponential buckets where
// the environment asks for them, and that scrapes stay as they are.
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

// TestNoExporter: none exports nothing.
func TestNoExporter(t *testing.T) {
	var console strings.Builder
	pipeline := newPipeline(t, exporters.WithExporters("none"), exporters.WithConsoleOptions(stdoutmetric.WithWriter(&console)))
	if err := errors.Join(pipeline.ForceFlush(t.Context()), pipeline.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
	if console.Len() > 0 {
		t.Errorf("it exports:\n%s", &console)
	}
}

func TestResourceThatIsNoText(t *testing.T) {
	_, err := startAlone(t, exporters.WithExporters("none"), exporters.WithResource(resource.NewSchemaless(attribute.String("a", "\xff"))))
	if err == nil || !strings.Contains(err.Error(), `resource attribute "a"`) {
		t.Errorf("got %v, want an error that names the attribute", err)
	}
}
