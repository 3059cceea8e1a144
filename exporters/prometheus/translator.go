package prometheus

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/schema"
)

// ErrNotExported says that a metric, or one of its series, was left out of a
// scrape because it would have broken others or the exposition format.
var ErrNotExported = errors.New("not exported")

// A family is what a scrape shows under one name and type.
type family struct {
	name string
	kind otlptranslator.MetricType
	// catalogued says that it is the catalogue's, or ours as target_info is. No
	// other metric can be part of it.
	catalogued bool
}

// A translator gives metrics the names that a scrape shows. A metric of the
// catalogue has its Prometheus name; any other has the standard translation, and
// its scope as labels. It lets no metric through that could take another one
// from the scrape. It is safe for concurrent use.
type translator struct {
	catalogue *schema.Catalogue
	metric    otlptranslator.MetricNamer

	mu sync.Mutex
	// owners maps each name of a sample or family to the family that came first
	// to it. The catalogue's and target_info are there from the start.
	owners map[string]family
	// descriptions are those of the other families: the first that came, because a
	// scrape can show one only.
	descriptions map[string]string
}

func newTranslator(catalogue *schema.Catalogue) *translator {
	t := &translator{
		catalogue:    catalogue,
		metric:       otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes),
		owners:       make(map[string]family),
		descriptions: make(map[string]string),
	}
	families := []family{{name: otlptranslator.TargetInfoMetricName, kind: otlptranslator.MetricTypeUnknown, catalogued: true}}
	for d := range catalogue.All() {
		families = append(families, family{name: d.SampleName(), kind: kindOf(d), catalogued: true})
	}
	for _, f := range families {
		for _, name := range f.names() {
			t.owners[name] = f
		}
	}
	return t
}

// translate renames the collected metrics in place and returns those that a
// scrape can show, beside what is wrong with the others.
func (t *translator) translate(collected []metricdata.ScopeMetrics) ([]metricdata.ScopeMetrics, error) {
	var errs errorlist.List
	seen := make(map[series]struct{})
	for i := range collected {
		scope := collected[i].Scope
		kept := collected[i].Metrics[:0]
		for _, m := range collected[i].Metrics {
			translated, err := t.one(scope, m, seen)
			if err != nil {
				errs.Add(fmt.Errorf("otelkv: metric %q: %w", m.Name, err))
			}
			if translated.Data != nil {
				kept = append(kept, translated)
			}
		}
		collected[i].Metrics = kept
	}
	return collected, errs.Join()
}

// one translates one metric. The metric it returns has no data where nothing
// of it can be shown.
func (t *translator) one(scope instrumentation.Scope, m metricdata.Metrics, seen map[series]struct{}) (metricdata.Metrics, error) {
	kind := typeOf(m.Data)
	if kind == otlptranslator.MetricTypeUnknown {
		return metricdata.Metrics{}, fmt.Errorf("%w: a scrape has no form for %T", ErrNotExported, m.Data)
	}
	labels := labeller{kind: kind, seen: seen}
	if d, ok := t.catalogue.Lookup(m.Name); ok {
		if exposed(kind) != kindOf(d) {
			return metricdata.Metrics{}, fmt.Errorf("%w: the catalogue has it as a %s, and scope %q sends %T", ErrNotExported, d.Kind(), scope.Name, m.Data)
		}
		m.Name, m.Description = d.SampleName(), d.Description
	} else {
		name, err := t.metric.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: kind})
		if err != nil {
			return metricdata.Metrics{}, fmt.Errorf("%w: %w", ErrNotExported, err)
		}
		f := family{name: name, kind: exposed(kind)}
		if f.kind == otlptranslator.MetricTypeMonotonicCounter && !strings.HasSuffix(name, "_total") {
			f.name += "_total"
		}
		if m.Description, err = t.claim(f, m.Description); err != nil {
			return metricdata.Metrics{}, err
		}
		m.Name, labels.extra = f.name, scopeLabels(scope)
	}
	labels.family = m.Name
	var err error
	m.Data, err = labels.relabel(m.Data)
	return m, err
}

// claim makes f the owner of its names, or says who owns one of them already. It
// returns the family's description, which is the given one if that is the first.
func (t *translator) claim(f family, description string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	names := f.names()
	for _, name := range names {
		if owner, ok := t.owners[name]; ok && owner != f {
			return "", fmt.Errorf("%w: its name on a scrape, %q, is taken by family %q", ErrNotExported, name, owner.name)
		}
	}
	for _, name := range names {
		t.owners[name] = f
	}
	if first, ok := t.descriptions[f.name]; ok {
		return first, nil
	}
	t.descriptions[f.name] = description
	return description, nil
}

// owns reports whether a scrape's family of the name comes from this exporter.
func (t *translator) owns(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.owners[name]
	return ok && f.name == name
}

// names returns the names that no other family may have beside f: its own and
// those of its samples, and for a counter the family name of OpenMetrics.
func (f family) names() []string {
	switch f.kind {
	case otlptranslator.MetricTypeHistogram:
		return []string{f.name, f.name + "_bucket", f.name + "_sum", f.name + "_count"}
	case otlptranslator.MetricTypeMonotonicCounter:
		return []string{f.name, strings.TrimSuffix(f.name, "_total")}
	default:
		return []string{f.name}
	}
}

// kindOf returns the translator's word for a definition's kind.
func kindOf(d schema.Definition) otlptranslator.MetricType {
	switch d.Kind() {
	case schema.KindCounter:
		return otlptranslator.MetricTypeMonotonicCounter
	case schema.KindGauge:
		return otlptranslator.MetricTypeGauge
	default:
		return otlptranslator.MetricTypeHistogram
	}
}

// exposed folds the sums that can fall into the gauges, which they are to
// Prometheus.
func exposed(kind otlptranslator.MetricType) otlptranslator.MetricType {
	if kind == otlptranslator.MetricTypeNonMonotonicCounter {
		return otlptranslator.MetricTypeGauge
	}
	return kind
}

// typeOf returns the translator's word for the data's type.
func typeOf(data metricdata.Aggregation) otlptranslator.MetricType {
	counter := func(monotonic bool) otlptranslator.MetricType {
		if monotonic {
			return otlptranslator.MetricTypeMonotonicCounter
		}
		return otlptranslator.MetricTypeNonMonotonicCounter
	}
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		return counter(data.IsMonotonic)
	case metricdata.Sum[float64]:
		return counter(data.IsMonotonic)
	case metricdata.Gauge[int64], metricdata.Gauge[float64]:
		return otlptranslator.MetricTypeGauge
	case metricdata.Histogram[int64], metricdata.Histogram[float64],
		metricdata.ExponentialHistogram[int64], metricdata.ExponentialHistogram[float64]:
		return otlptranslator.MetricTypeHistogram
	default:
		return otlptranslator.MetricTypeUnknown
	}
}

// targetInfo returns the resource as the metric target_info (OpenTelemetry
// specification, "Prometheus and OpenMetrics compatibility", resource
// attributes).
func targetInfo(res *resource.Resource) metricdata.ScopeMetrics {
	// A resource attribute that no label can carry is left out.
	labels, _ := legalLabels(*res.Set())
	return metricdata.ScopeMetrics{Metrics: []metricdata.Metrics{{
		Name:        otlptranslator.TargetInfoMetricName,
		Description: "Target metadata",
		Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{
			Attributes: attribute.NewSet(labels...),
			Value:      1,
		}}},
	}}}
}
