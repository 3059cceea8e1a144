package docs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// A writer writes PromQL over definitions, so that no query can ask for a metric
// or a label that the catalogue lacks. It gathers what does not fit, for err.
type writer struct {
	// matchers stand in the selector of every metric that has an engine's labels:
	// `model_name=~"$model"`.
	matchers []string
	// window is the range of rates: "5m" or Grafana's variable for it.
	window string

	errs []error
}

// A term is a PromQL expression with the labels of its result.
type term struct {
	text   string
	labels []string
}

func (w *writer) err() error { return errors.Join(w.errs...) }

func (w *writer) fail(d schema.Definition, format string, arguments ...any) term {
	w.errs = append(w.errs, fmt.Errorf("metric %q: %s", d.PrometheusName, fmt.Sprintf(format, arguments...)))
	return term{}
}

// within returns a writer with another window, and the same errors.
func (w *writer) within(window string, write func(*writer) term) term {
	inner := &writer{matchers: w.matchers, window: window}
	t := write(inner)
	w.errs = append(w.errs, inner.errs...)
	return t
}

// selector selects those samples of a metric that have the given name.
func (w *writer) selector(d schema.Definition, name string, matchers ...string) string {
	if !ofProcess(d) {
		matchers = slices.Concat(w.matchers, matchers)
	}
	if len(matchers) == 0 {
		return name
	}
	return name + "{" + strings.Join(matchers, ",") + "}"
}

// gauge selects a gauge.
func (w *writer) gauge(m schema.Metric) term {
	d := m.Definition()
	if d.Kind() != schema.KindGauge {
		return w.fail(d, "expected a gauge, have a %s", d.Kind())
	}
	return term{w.selector(d, d.SampleName()), labelNames(d)}
}

// lowest is the least value of a gauge in the window.
func (w *writer) lowest(m schema.Metric) term {
	g := w.gauge(m)
	return term{fmt.Sprintf("min_over_time(%s[%s])", g.text, w.window), g.labels}
}

// rate is the growth of a counter for each second.
func (w *writer) rate(m schema.Metric) term {
	return w.overWindow("rate", m)
}

// grown keeps the counters that grew within the window. A series that appears with
// a value above zero grew too, which increase cannot see.
func (w *writer) grown(m schema.Metric) term {
	d := m.Definition()
	increase := above(0, w.overWindow("increase", m))
	series := w.selector(d, d.SampleName())
	return term{fmt.Sprintf("%s or (%s > 0 unless %s offset %s > 0)", increase.text, series, series, w.window), increase.labels}
}

func (w *writer) overWindow(function string, m schema.Metric) term {
	d := m.Definition()
	if d.Kind() != schema.KindCounter {
		return w.fail(d, "expected a counter, have a %s", d.Kind())
	}
	return term{fmt.Sprintf("%s(%s[%s])", function, w.selector(d, d.SampleName()), w.window), labelNames(d)}
}

// rateOf is the growth of a part of a histogram for each second: its "bucket",
// "count" or "sum".
func (w *writer) rateOf(part string, m schema.Metric, matchers ...string) term {
	d := m.Definition()
	if d.Kind() != schema.KindHistogram {
		return w.fail(d, "expected a histogram, have a %s", d.Kind())
	}
	labels := labelNames(d)
	if part == "bucket" {
		labels = append(labels, "le")
	}
	return term{fmt.Sprintf("rate(%s[%s])", w.selector(d, d.PrometheusName+"_"+part, matchers...), w.window), labels}
}

// quantile estimates a quantile of a histogram, one for each value of the labels.
func (w *writer) quantile(q float64, m schema.Metric, by ...string) term {
	buckets := w.sum(w.rateOf("bucket", m), append([]string{"le"}, by...)...)
	return term{fmt.Sprintf("histogram_quantile(%v, %s)", q, buckets.text), by}
}

// sum adds up all series that agree on the labels.
func (w *writer) sum(t term, by ...string) term { return w.aggregate("sum", t, by) }

// sumWithout adds up all series that agree on every label but one.
func (w *writer) sumWithout(label string, t term) term {
	rest := slices.DeleteFunc(slices.Clone(t.labels), func(l string) bool { return l == label })
	if len(rest) == len(t.labels) {
		w.errs = append(w.errs, fmt.Errorf("sum without %q: %s has the labels %q", label, t.text, t.labels))
	}
	return term{fmt.Sprintf("sum without (%s) (%s)", label, t.text), rest}
}

// max takes the greatest of all series that agree on the labels.
func (w *writer) max(t term, by ...string) term { return w.aggregate("max", t, by) }

func (w *writer) aggregate(operator string, t term, by []string) term {
	for _, label := range by {
		if !slices.Contains(t.labels, label) {
			w.errs = append(w.errs, fmt.Errorf("%s by %q: %s has the labels %q", operator, label, t.text, t.labels))
		}
	}
	if len(by) == 0 {
		return term{fmt.Sprintf("%s(%s)", operator, t.text), nil}
	}
	return term{fmt.Sprintf("%s by (%s) (%s)", operator, strings.Join(by, ", "), t.text), by}
}

// ratio divides, and has no value where there is nothing to divide by.
func ratio(part, whole term) term {
	return term{fmt.Sprintf("%s / (%s > 0)", part.text, whole.text), part.labels}
}

// above keeps the series whose value is above the threshold.
func above(threshold float64, t term) term {
	return term{fmt.Sprintf("%s > %v", t.text, threshold), t.labels}
}

// unless keeps the series of the first term that the second has not.
func unless(kept, dropped term) term {
	return term{fmt.Sprintf("(%s) unless (%s)", kept.text, dropped.text), kept.labels}
}
