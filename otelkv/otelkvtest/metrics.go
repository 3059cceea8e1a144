// SPDX-License-Identifier: Apache-2.0

package otelkvtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/schema"
)

// Labels selects the series that have all of these labels. They may have others too.
type Labels map[string]string

func (l Labels) match(set attribute.Set) bool {
	for name, value := range l {
		if v, ok := set.Value(attribute.Key(name)); !ok || fmt.Sprint(v.AsInterface()) != value {
			return false
		}
	}
	return true
}

// Metrics are the result of one collection.
type Metrics struct {
	metricdata.ResourceMetrics

	t testing.TB
}

// A Point is the state of one series in one collection.
type Point struct {
	// Attributes are the engine's labels and the metric's own.
	Attributes attribute.Set
	// Start is when the value began to count.
	Start time.Time
	// Value is that of a counter or gauge.
	Value float64
	// Count, Sum and Buckets are those of a histogram. Buckets has one more element than
	// the metric has boundaries. Its counts are not cumulative.
	Count   uint64
	Sum     float64
	Buckets []uint64

	starts    bool // whether points of its kind have a start
	time      time.Time
	histogram bool
	bounds    []float64
}

// Value returns the value of a counter or gauge, or the count of a histogram. The test
// fails unless the labels select exactly one series.
func (m *Metrics) Value(metric schema.Metric, labels Labels) float64 {
	m.t.Helper()
	p := m.Point(metric, labels)
	if metric.Definition().Kind() == schema.KindHistogram {
		return float64(p.Count)
	}
	return p.Value
}

// Point returns the series that the labels select. The test fails unless it is exactly one.
func (m *Metrics) Point(metric schema.Metric, labels Labels) Point {
	m.t.Helper()
	points := m.Select(metric, labels)
	if len(points) != 1 {
		m.t.Fatalf("otelkvtest: metric %q: %d series with the labels %v: expected one of %s",
			metric.Definition().PrometheusName, len(points), labels, names(m.Select(metric, nil)))
	}
	return points[0]
}

// Has reports whether the labels select a series.
func (m *Metrics) Has(metric schema.Metric, labels Labels) bool {
	return len(m.Select(metric, labels)) > 0
}

// Select returns all series of a metric that the labels select, sorted by their labels.
func (m *Metrics) Select(metric schema.Metric, labels Labels) []Point {
	name := metric.Definition().Name
	var selected []Point
	for _, scope := range m.ScopeMetrics {
		for _, emitted := range scope.Metrics {
			if emitted.Name != name {
				continue
			}
			_, _, points := read(emitted.Data)
			for _, p := range points {
				if labels.match(p.Attributes) {
					selected = append(selected, p)
				}
			}
		}
	}
	slices.SortFunc(selected, func(a, b Point) int {
		return strings.Compare(text(a.Attributes), text(b.Attributes))
	})
	return selected
}

// Names returns the OpenTelemetry names of the metrics that have series, sorted.
func (m *Metrics) Names() []string {
	var all []string
	for _, scope := range m.ScopeMetrics {
		for _, emitted := range scope.Metrics {
			all = append(all, emitted.Name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func names(points []Point) string {
	all := make([]string, len(points))
	for i, p := range points {
		all[i] = text(p.Attributes)
	}
	return fmt.Sprint(all)
}

// text returns a set of labels in Prometheus's text format.
func text(set attribute.Set) string {
	labels := make([]string, set.Len())
	for i, kv := range set.ToSlice() {
		labels[i] = fmt.Sprintf("%s=%q", kv.Key, fmt.Sprint(kv.Value.AsInterface()))
	}
	return "{" + strings.Join(labels, ",") + "}"
}

// read returns the kind, the number and the points of sums, gauges and histograms with
// explicit buckets. Other data has no points.
func read(data metricdata.Aggregation) (kind string, number schema.NumberKind, points []Point) {
	gauge, histogram := schema.KindGauge.String(), schema.KindHistogram.String()
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		return sumKind(data.IsMonotonic), schema.NumberKindInt64, numbers(data.DataPoints, true)
	case metricdata.Sum[float64]:
		return sumKind(data.IsMonotonic), schema.NumberKindFloat64, numbers(data.DataPoints, true)
	case metricdata.Gauge[int64]:
		return gauge, schema.NumberKindInt64, numbers(data.DataPoints, false)
	case metricdata.Gauge[float64]:
		return gauge, schema.NumberKindFloat64, numbers(data.DataPoints, false)
	case metricdata.Histogram[int64]:
		return histogram, schema.NumberKindInt64, distributions(data.DataPoints)
	case metricdata.Histogram[float64]:
		return histogram, schema.NumberKindFloat64, distributions(data.DataPoints)
	}
	return "none of the catalogue's kinds", schema.NumberKindInt64, nil
}

func sumKind(monotonic bool) string {
	if monotonic {
		return schema.KindCounter.String()
	}
	return "sum that can go down"
}

func numbers[N int64 | float64](points []metricdata.DataPoint[N], starts bool) []Point {
	all := make([]Point, len(points))
	for i, p := range points {
		all[i] = Point{Attributes: p.Attributes, Start: p.StartTime, Value: float64(p.Value), starts: starts, time: p.Time}
	}
	return all
}

func distributions[N int64 | float64](points []metricdata.HistogramDataPoint[N]) []Point {
	all := make([]Point, len(points))
	for i, p := range points {
		all[i] = Point{Attributes: p.Attributes, Start: p.StartTime, Count: p.Count, Sum: float64(p.Sum), Buckets: p.BucketCounts,
			starts: true, time: p.Time, histogram: true, bounds: p.Bounds}
	}
	return all
}
