// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// A writer writes PromQL from definitions, so that no query has a metric or a label that
// is not in the catalogue. It collects errors for err.
type writer struct {
	// engine are the matchers of metrics with an engine's labels:
	// `model_name=~"$model"`.
	engine []string
	// tier are the matchers of metrics with a tier: `tier=~"$tier"`.
	tier []string
	// process are the matchers of every metric, on labels that Prometheus adds:
	// `instance=~"$instance"`.
	process []string
	// window is the range of rates: "5m", or Grafana's variable.
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

// within calls write with another window.
func (w *writer) within(window string, write func(*writer) term) term {
	inner := *w
	inner.window = window
	return w.adopt(&inner, write)
}

// ofTier calls write for one tier, whichever tiers are chosen.
func (w *writer) ofTier(value string, write func(*writer) term) term {
	inner := *w
	inner.tier = []string{fmt.Sprintf("%s=%q", schema.LabelTier, value)}
	return w.adopt(&inner, write)
}

// ofEveryTier calls write for all tiers, whichever tiers are chosen.
func (w *writer) ofEveryTier(write func(*writer) term) term {
	inner := *w
	inner.tier = nil
	return w.adopt(&inner, write)
}

// adopt calls write with a copy of w that has other settings, and keeps the errors.
func (w *writer) adopt(inner *writer, write func(*writer) term) term {
	inner.errs = nil
	t := write(inner)
	w.errs = append(w.errs, inner.errs...)
	return t
}

// selector returns the selector of a metric's samples with the given name.
func (w *writer) selector(d schema.Definition, name string, matchers ...string) string {
	var all []string
	if !ofProcess(d) {
		all = append(all, w.engine...)
	}
	all = append(all, w.process...)
	if slices.Contains(d.LabelNames, schema.LabelTier) {
		all = append(all, w.tier...)
	}
	all = append(all, matchers...)
	if len(all) == 0 {
		return name
	}
	return name + "{" + strings.Join(all, ",") + "}"
}

// gauge selects a gauge.
func (w *writer) gauge(m schema.Metric) term {
	d := m.Definition()
	if d.Kind() != schema.KindGauge {
		return w.fail(d, "expected a gauge, have a %s", d.Kind())
	}
	return term{w.selector(d, d.SampleName()), labelNames(d)}
}

// lowest returns the lowest value of a gauge in the window.
func (w *writer) lowest(m schema.Metric) term {
	g := w.gauge(m)
	return term{fmt.Sprintf("min_over_time(%s[%s])", g.text, w.window), g.labels}
}

// rate returns the growth of a counter per second.
func (w *writer) rate(m schema.Metric) term {
	return w.overWindow("rate", m)
}

// grown returns the counters that grew within the window. A series that appears with a
// value above zero grew too, which increase does not show.
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

// sum adds up all series with the same labels.
func (w *writer) sum(t term, by ...string) term { return w.aggregate("sum", t, by) }

// max returns the greatest of all series with the same labels.
func (w *writer) max(t term, by ...string) term { return w.aggregate("max", t, by) }

// count counts the series with the same labels.
func (w *writer) count(t term, by ...string) term { return w.aggregate("count", t, by) }

// sumWithout adds up all series that have the same labels except one.
func (w *writer) sumWithout(label string, t term) term {
	rest := slices.DeleteFunc(slices.Clone(t.labels), func(l string) bool { return l == label })
	if len(rest) == len(t.labels) {
		w.errs = append(w.errs, fmt.Errorf("sum without %q: %s has the labels %q", label, t.text, t.labels))
	}
	return term{fmt.Sprintf("sum without (%s) (%s)", label, t.text), rest}
}

func (w *writer) aggregate(operator string, t term, by []string) term {
	for _, label := range by {
		if !slices.Contains(t.labels, label) && !slices.Contains(targetLabels(), label) {
			w.errs = append(w.errs, fmt.Errorf("%s by %q: %s has the labels %q", operator, label, t.text, t.labels))
		}
	}
	if len(by) == 0 {
		return term{fmt.Sprintf("%s(%s)", operator, t.text), nil}
	}
	return term{fmt.Sprintf("%s by (%s) (%s)", operator, strings.Join(by, ", "), t.text), by}
}

// targetLabels returns labels that are not in the catalogue. Prometheus, its relabelling or
// a Collector adds them to all series of a process. Some may be absent.
func targetLabels() []string { return []string{"job", "instance", "pod", "worker"} }

// ratio divides. It has no value if the divisor is zero.
func ratio(part, whole term) term {
	return term{fmt.Sprintf("%s / (%s > 0)", part.text, whole.text), part.labels}
}

// above keeps the series whose value is above the threshold.
func above(threshold float64, t term) term {
	return term{fmt.Sprintf("%s > %v", t.text, threshold), t.labels}
}

// unless keeps the series of the first term that the second does not have.
func unless(kept, dropped term) term {
	return term{fmt.Sprintf("(%s) unless (%s)", kept.text, dropped.text), kept.labels}
}

// and keeps the series of the first term that the second has as well.
func and(kept, condition term) term {
	return term{fmt.Sprintf("(%s) and (%s)", kept.text, condition.text), kept.labels}
}
