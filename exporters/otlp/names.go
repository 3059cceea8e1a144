package otlp

import (
	"context"
	"slices"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/schema"
)

// catalogueNames is an exporter that sends the catalogue's metrics under their
// Prometheus names.
type catalogueNames struct {
	sdkmetric.Exporter
	catalogue *schema.Catalogue
}

// Export sends renamed copies: the SDK reuses what it passes.
func (e *catalogueNames) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	out := *rm
	out.ScopeMetrics = slices.Clone(rm.ScopeMetrics)
	for i := range out.ScopeMetrics {
		metrics := slices.Clone(out.ScopeMetrics[i].Metrics)
		for j := range metrics {
			if d, ok := e.catalogue.Lookup(metrics[j].Name); ok {
				// A receiver would turn the unit into a suffix of the name.
				metrics[j].Name, metrics[j].Unit = sentName(d), ""
			}
		}
		out.ScopeMetrics[i].Metrics = metrics
	}
	return e.Exporter.Export(ctx, &out)
}

// sentName returns the name that a receiver makes the Prometheus name of. It
// takes "total" from the end of a counter's name, with the byte before it
// whatever that is, and puts "_total" there.
func sentName(d schema.Definition) string {
	if d.Kind() == schema.KindCounter && strings.HasSuffix(d.PrometheusName, "total") {
		return d.SampleName()
	}
	return d.PrometheusName
}

// MarshalLog describes the exporter to OpenTelemetry's own log.
func (e *catalogueNames) MarshalLog() any {
	if m, ok := e.Exporter.(interface{ MarshalLog() any }); ok {
		return m.MarshalLog()
	}
	return struct{ Type string }{Type: "OTLP"}
}
