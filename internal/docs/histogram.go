// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// A histogram is native, with samples under the family's name, or has classic series with
// the suffixes _bucket, _count and _sum. Each query here uses the native histogram, and
// the classic series if there is no native one.

// native returns the growth of a native histogram per second.
func (w *writer) native(m schema.Metric) term {
	d := m.Definition()
	if d.Kind() != schema.KindHistogram {
		return w.fail(d, "expected a histogram, have a %s", d.Kind())
	}
	return term{fmt.Sprintf("rate(%s[%s])", w.selector(d, d.PrometheusName), w.window), labelNames(d)}
}

// classic returns the growth of a part of a classic histogram per second: its "bucket",
// "count" or "sum".
func (w *writer) classic(part string, m schema.Metric, matchers ...string) term {
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

// rateOf returns the growth of a histogram's "count" or "sum" per second. A fleet may have
// both kinds of histograms.
func (w *writer) rateOf(part string, m schema.Metric) term {
	native := w.native(m)
	return term{
		fmt.Sprintf("histogram_%s(%s) or %s", part, native.text, w.classic(part, m).text),
		native.labels,
	}
}

// quantile returns the estimated quantile of a histogram for each value of the labels. If
// series with the same labels are of both kinds, only the native ones count.
func (w *writer) quantile(q float64, m schema.Metric, by ...string) term {
	native := w.sum(w.native(m), by...)
	buckets := w.sum(w.classic("bucket", m), append([]string{"le"}, by...)...)
	// Without samples the quantile is NaN, which the comparison drops.
	return term{fmt.Sprintf("histogram_quantile(%v, %s) >= 0 or histogram_quantile(%v, %s) >= 0", q, native.text, q, buckets.text), by}
}

// buckets returns what a heatmap draws: native histograms, or classic buckets.
func (w *writer) buckets(m schema.Metric) term {
	native, classic := w.sum(w.native(m)), w.sum(w.classic("bucket", m), "le")
	// Only one side has the label le, so the sides are matched on no label.
	return term{fmt.Sprintf("%s or on () %s", native.text, classic.text), []string{"le"}}
}

// beyond returns the fraction of a histogram's samples above one of its boundaries. It has
// no value if there are no samples.
func (w *writer) beyond(bound float64, m schema.Metric, by ...string) term {
	native, inside, all := w.native(m), w.sumWithout("le", w.classic("bucket", m, atMost(bound))), w.classic("count", m)
	if len(by) > 0 {
		native, inside, all = w.sum(native, by...), w.sum(w.classic("bucket", m, atMost(bound)), by...), w.sum(all, by...)
	}
	return term{
		fmt.Sprintf("1 - (histogram_fraction(0, %v, %s) >= 0 or %s)", bound, native.text, ratio(inside, all).text),
		native.labels,
	}
}

// atMost matches the bucket of a boundary. Prometheus 3 writes a whole number in
// le with a decimal point, and Prometheus 2 without.
func atMost(bound float64) string {
	le := strconv.FormatFloat(bound, 'g', -1, 64)
	if !strings.ContainsAny(le, ".e") {
		return fmt.Sprintf("le=~%q", le+"|"+le+"[.]0")
	}
	return fmt.Sprintf("le=%q", le)
}

// before returns a histogram as it was some time ago, which exists if the series is that
// old.
func (w *writer) before(age string, m schema.Metric) term {
	d := m.Definition()
	if d.Kind() != schema.KindHistogram {
		return w.fail(d, "expected a histogram, have a %s", d.Kind())
	}
	return term{fmt.Sprintf("%s offset %s or %s offset %s", w.selector(d, d.PrometheusName), age, w.selector(d, d.PrometheusName+"_count"), age), labelNames(d)}
}
