package prometheus

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/internal/errorlist"
)

// A series is one line, or one histogram, of a scrape.
type series struct {
	family string
	labels attribute.Distinct
}

// A labeller turns the attributes of one metric's points into labels. Their text
// is valid UTF-8, as a relay returns it.
type labeller struct {
	family string
	kind   otlptranslator.MetricType
	// extra are labels of every point.
	extra []attribute.KeyValue
	// seen holds the series of the whole scrape so far.
	seen map[series]struct{}
}

// relabel returns the data with labels for attributes, without the points that
// have none that a scrape can show. The data is nil where no point is left.
func (l labeller) relabel(data metricdata.Aggregation) (metricdata.Aggregation, error) {
	var errs errorlist.List
	var left int
	admit := func(set *attribute.Set) bool {
		err := l.admit(set)
		if err != nil {
			errs.Add(fmt.Errorf("%w: %w", ErrNotExported, err))
			return false
		}
		left++
		return true
	}
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		d.DataPoints = relabelPoints(d.DataPoints, admit)
		data = d
	case metricdata.Sum[float64]:
		d.DataPoints = relabelPoints(d.DataPoints, admit)
		data = d
	case metricdata.Gauge[int64]:
		d.DataPoints = relabelPoints(d.DataPoints, admit)
		data = d
	case metricdata.Gauge[float64]:
		d.DataPoints = relabelPoints(d.DataPoints, admit)
		data = d
	case metricdata.Histogram[int64]:
		d.DataPoints = relabelDistributions(d.DataPoints, admit)
		data = d
	case metricdata.Histogram[float64]:
		d.DataPoints = relabelDistributions(d.DataPoints, admit)
		data = d
	case metricdata.ExponentialHistogram[int64]:
		d.DataPoints = relabelExponential(d.DataPoints, admit, &errs)
		data = d
	case metricdata.ExponentialHistogram[float64]:
		d.DataPoints = relabelExponential(d.DataPoints, admit, &errs)
		data = d
	}
	if left == 0 {
		return nil, errs.Join()
	}
	return data, errs.Join()
}

func relabelPoints[N int64 | float64](points []metricdata.DataPoint[N], admit func(*attribute.Set) bool) []metricdata.DataPoint[N] {
	kept := points[:0]
	for _, p := range points {
		if admit(&p.Attributes) {
			p.Exemplars = relabelExemplars(p.Exemplars)
			kept = append(kept, p)
		}
	}
	return kept
}

func relabelDistributions[N int64 | float64](points []metricdata.HistogramDataPoint[N], admit func(*attribute.Set) bool) []metricdata.HistogramDataPoint[N] {
	kept := points[:0]
	for _, p := range points {
		if admit(&p.Attributes) {
			p.Exemplars = relabelExemplars(p.Exemplars)
			kept = append(kept, p)
		}
	}
	return kept
}

// minNativeScale is the coarsest schema of Prometheus's native histograms.
const minNativeScale = -4

func relabelExponential[N int64 | float64](points []metricdata.ExponentialHistogramDataPoint[N], admit func(*attribute.Set) bool, errs *errorlist.List) []metricdata.ExponentialHistogramDataPoint[N] {
	kept := points[:0]
	for _, p := range points {
		if p.Scale < minNativeScale {
			errs.Add(fmt.Errorf("%w: its scale is %d: expected %d or more", ErrNotExported, p.Scale, minNativeScale))
			continue
		}
		if admit(&p.Attributes) {
			p.Exemplars = relabelExemplars(p.Exemplars)
			kept = append(kept, p)
		}
	}
	return kept
}

// relabelExemplars drops those of an exemplar's attributes that no label can
// carry. The measurement keeps its trace.
func relabelExemplars[N int64 | float64](exemplars []metricdata.Exemplar[N]) []metricdata.Exemplar[N] {
	for i := range exemplars {
		if set := attribute.NewSet(slices.Clone(exemplars[i].FilteredAttributes)...); set.Len() > 0 {
			exemplars[i].FilteredAttributes, _ = legalLabels(set)
		}
	}
	return exemplars
}

// admit turns the set into labels, or says why the scrape cannot show the
// series.
func (l labeller) admit(set *attribute.Set) error {
	if len(l.extra) > 0 || !legal(*set) {
		labels, err := legalLabels(*set)
		if err != nil {
			return err
		}
		*set = attribute.NewSet(append(labels, l.extra...)...)
	}
	if l.kind == otlptranslator.MetricTypeHistogram && set.HasValue("le") {
		return errors.New(`label "le" is the bucket's`)
	}
	s := series{l.family, set.Equivalent()}
	if _, ok := l.seen[s]; ok {
		return fmt.Errorf("series %s{%s} was collected twice", l.family, set.Encoded(attribute.DefaultEncoder()))
	}
	l.seen[s] = struct{}{}
	return nil
}

// legal reports whether the attributes are labels already.
func legal(set attribute.Set) bool {
	for i := range set.Len() {
		kv, _ := set.Get(i)
		if kv.Value.Type() != attribute.STRING || !legalName(string(kv.Key)) {
			return false
		}
	}
	return true
}

// legalName reports whether name is a label name of Prometheus's data model
// that is not reserved.
func legalName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || '9' < c) {
			return false
		}
	}
	return name != "" && !strings.HasPrefix(name, "__")
}

// legalLabels returns the attributes as labels with legal names and string
// values, beside an error for each that cannot be one. Values whose names become
// the same are sorted and joined by ";" (OpenTelemetry specification, "Prometheus
// and OpenMetrics compatibility", metric attributes).
func legalLabels(set attribute.Set) ([]attribute.KeyValue, error) {
	var errs []error
	var namer otlptranslator.LabelNamer
	labels := make([]attribute.KeyValue, 0, set.Len())
	for i := range set.Len() {
		kv, _ := set.Get(i)
		name, err := namer.Build(string(kv.Key))
		if err == nil && !legalName(name) {
			err = fmt.Errorf("label name %q is reserved", name)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		labels = append(labels, attribute.String(name, kv.Value.String()))
	}
	slices.SortFunc(labels, func(a, b attribute.KeyValue) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value.AsString(), b.Value.AsString()))
	})
	merged := labels[:0]
	for _, kv := range labels {
		if last := len(merged) - 1; last >= 0 && merged[last].Key == kv.Key {
			kv.Value = attribute.StringValue(merged[last].Value.AsString() + ";" + kv.Value.AsString())
			merged[last] = kv
			continue
		}
		merged = append(merged, kv)
	}
	return merged, errors.Join(errs...)
}

// scopeLabels returns the labels that tell the metrics of two scopes apart
// (OpenTelemetry specification, "Prometheus and OpenMetrics compatibility",
// instrumentation scope).
func scopeLabels(scope instrumentation.Scope) []attribute.KeyValue {
	const prefix = "otel_scope_"
	attributes, _ := legalLabels(scope.Attributes)
	labels := make([]attribute.KeyValue, 0, len(attributes)+3)
	for _, kv := range attributes {
		kv.Key = prefix + kv.Key
		labels = append(labels, kv)
	}
	// Of two with one name, a set keeps the last.
	return append(labels,
		attribute.String(prefix+"name", scope.Name),
		attribute.String(prefix+"version", scope.Version),
		attribute.String(prefix+"schema_url", scope.SchemaURL),
	)
}
