package relay

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// repair makes every text of the metrics valid UTF-8, in place, with U+FFFD for
// what is not. The SDK passes on any bytes, and one such text in one metric of
// the host would lose all metrics: protobuf refuses to encode the request, and
// Prometheus to parse the scrape.
func repair(collected []metricdata.ScopeMetrics) {
	for i := range collected {
		repairScope(&collected[i].Scope)
		for j := range collected[i].Metrics {
			m := &collected[i].Metrics[j]
			m.Name, m.Description, m.Unit = valid(m.Name), valid(m.Description), valid(m.Unit)
			repairPoints(m.Data)
		}
	}
}

// repairResource returns res, or what repairing makes of it.
func repairResource(res *resource.Resource) *resource.Resource {
	if legible(res.Set()) && utf8.ValidString(res.SchemaURL()) {
		return res
	}
	return resource.NewWithAttributes(valid(res.SchemaURL()), repaired(res.Attributes())...)
}

func repairScope(scope *instrumentation.Scope) {
	scope.Name, scope.Version, scope.SchemaURL = valid(scope.Name), valid(scope.Version), valid(scope.SchemaURL)
	repairSet(&scope.Attributes)
}

func repairPoints(data metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		repairNumbers(d.DataPoints)
	case metricdata.Sum[float64]:
		repairNumbers(d.DataPoints)
	case metricdata.Gauge[int64]:
		repairNumbers(d.DataPoints)
	case metricdata.Gauge[float64]:
		repairNumbers(d.DataPoints)
	case metricdata.Histogram[int64]:
		repairHistograms(d.DataPoints)
	case metricdata.Histogram[float64]:
		repairHistograms(d.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		repairExponentials(d.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		repairExponentials(d.DataPoints)
	case metricdata.Summary:
		for i := range d.DataPoints {
			repairSet(&d.DataPoints[i].Attributes)
		}
	}
}

func repairNumbers[N int64 | float64](points []metricdata.DataPoint[N]) {
	for i := range points {
		repairSet(&points[i].Attributes)
		repairExemplars(points[i].Exemplars)
	}
}

func repairHistograms[N int64 | float64](points []metricdata.HistogramDataPoint[N]) {
	for i := range points {
		repairSet(&points[i].Attributes)
		repairExemplars(points[i].Exemplars)
	}
}

func repairExponentials[N int64 | float64](points []metricdata.ExponentialHistogramDataPoint[N]) {
	for i := range points {
		repairSet(&points[i].Attributes)
		repairExemplars(points[i].Exemplars)
	}
}

func repairExemplars[N int64 | float64](exemplars []metricdata.Exemplar[N]) {
	for i := range exemplars {
		if !slices.ContainsFunc(exemplars[i].FilteredAttributes, illegible) {
			continue
		}
		exemplars[i].FilteredAttributes = repaired(exemplars[i].FilteredAttributes)
	}
}

func repairSet(set *attribute.Set) {
	if !legible(set) {
		*set = attribute.NewSet(repaired(set.ToSlice())...)
	}
}

// legible reports whether all texts of the set are valid UTF-8.
func legible(set *attribute.Set) bool {
	for i := range set.Len() {
		if kv, _ := set.Get(i); illegible(kv) {
			return false
		}
	}
	return true
}

func illegible(kv attribute.KeyValue) bool {
	return !utf8.ValidString(string(kv.Key)) || illegibleValue(kv.Value)
}

func illegibleValue(v attribute.Value) bool {
	switch v.Type() {
	case attribute.STRING:
		return !utf8.ValidString(v.AsString())
	case attribute.STRINGSLICE:
		return slices.ContainsFunc(v.AsStringSlice(), func(s string) bool { return !utf8.ValidString(s) })
	case attribute.SLICE:
		return slices.ContainsFunc(v.AsSlice(), illegibleValue)
	case attribute.MAP:
		return slices.ContainsFunc(v.AsMap(), illegible)
	default:
		return false
	}
}

// repaired returns copies of the attributes. In the place of a value of several
// parts, one of which is not valid, comes its text.
func repaired(attributes []attribute.KeyValue) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(attributes))
	for i, kv := range attributes {
		out[i] = kv
		if illegible(kv) {
			out[i] = attribute.String(valid(string(kv.Key)), valid(kv.Value.String()))
		}
	}
	return out
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
