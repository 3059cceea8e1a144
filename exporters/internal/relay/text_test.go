package relay_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters/internal/relay"
)

// TestProduceRepairsText holds that no exporter is given a text that it cannot
// encode, wherever the host put it.
func TestProduceRepairsText(t *testing.T) {
	const bad = "a\xffb"
	set := attribute.NewSet(
		attribute.String("text", bad), attribute.String(bad, "key"), attribute.Int("number", 1),
		attribute.StringSlice("texts", []string{"fine", bad}),
		attribute.Slice("values", attribute.StringValue(bad)), attribute.Map("map", attribute.String("x", bad)),
	)
	exemplars := []metricdata.Exemplar[int64]{{FilteredAttributes: set.ToSlice()}}
	floats := []metricdata.Exemplar[float64]{{FilteredAttributes: set.ToSlice()}}
	for _, data := range []metricdata.Aggregation{
		metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{{Attributes: set, Exemplars: exemplars}}},
		metricdata.Sum[float64]{DataPoints: []metricdata.DataPoint[float64]{{Attributes: set, Exemplars: floats}}},
		metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Attributes: set, Exemplars: exemplars}}},
		metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Attributes: set, Exemplars: floats}}},
		metricdata.Histogram[int64]{DataPoints: []metricdata.HistogramDataPoint[int64]{{Attributes: set, Exemplars: exemplars}}},
		metricdata.Histogram[float64]{DataPoints: []metricdata.HistogramDataPoint[float64]{{Attributes: set, Exemplars: floats}}},
		metricdata.ExponentialHistogram[int64]{DataPoints: []metricdata.ExponentialHistogramDataPoint[int64]{{Attributes: set, Exemplars: exemplars}}},
		metricdata.ExponentialHistogram[float64]{DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{Attributes: set, Exemplars: floats}}},
		metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{Attributes: set}}},
	} {
		t.Run(fmt.Sprintf("%T", data), func(t *testing.T) {
			scope := instrumentation.Scope{Name: bad, Version: bad, SchemaURL: bad, Attributes: set}
			r := relay.New([]sdkmetric.Producer{producer(func() ([]metricdata.ScopeMetrics, error) {
				return []metricdata.ScopeMetrics{{Scope: scope, Metrics: []metricdata.Metrics{{Name: bad, Description: bad, Unit: bad, Data: data}}}}, nil
			})})
			provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r), sdkmetric.WithResource(resource.NewWithAttributes("https://example.com/\xff", set.ToSlice()...)))
			defer func() { _ = provider.Shutdown(context.Background()) }()
			collected, err := r.Produce(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf("%v %v %s", collected, r.Resource(), r.Resource().SchemaURL())
			if !utf8.ValidString(text) || strings.Contains(text, `\xff`) {
				t.Errorf("the bad text is still there: %q", text)
			}
			if !strings.Contains(text, "a\uFFFDb") {
				t.Errorf("nothing stands for the bad text: %q", text)
			}
			if got, _ := scope.Attributes.Value("text"); got.AsString() != bad {
				t.Error("what the host keeps was changed")
			}
		})
	}
}
