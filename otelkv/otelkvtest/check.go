// SPDX-License-Identifier: Apache-2.0

package otelkvtest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/schema"
)

// A CheckError is one rule that emitted data breaks.
type CheckError struct {
	// Metric is the name that was emitted.
	Metric string
	// Rule names the rule: catalogue, kind, number, unit, description, labels,
	// label-values, series, boundaries, values, times or mirrors.
	Rule string
	// Reason says what was emitted and what the rule asks for.
	Reason string
}

// Error returns `otelkv: metric "x": reason`.
func (e *CheckError) Error() string { return fmt.Sprintf("otelkv: metric %q: %s", e.Metric, e.Reason) }

// A CheckOption tells [Check] what is emitted by intention.
type CheckOption interface {
	applyCheck(*checker)
}

type checkOptionFunc func(*checker)

func (f checkOptionFunc) applyCheck(c *checker) { f(c) }

// WithEngineLabels names the labels that every series has before its own,
// instead of model_name and engine.
func WithEngineLabels(names ...string) CheckOption {
	names = slices.Clone(names)
	return checkOptionFunc(func(c *checker) { c.engineLabels = names })
}

// WithOptionalLabels names labels that series may have or not, such as that of a
// connector or of a tier's medium.
func WithOptionalLabels(names ...string) CheckOption {
	names = slices.Clone(names)
	return checkOptionFunc(func(c *checker) { c.optionalLabels = names })
}

type checker struct {
	catalogue      *schema.Catalogue
	engineLabels   []string
	optionalLabels []string
	found          map[string]*emission // by Prometheus name
	errs           []error
}

// An emission is all that was emitted of one metric.
type emission struct {
	definition schema.Definition
	points     []Point
}

// Check holds emitted data against a catalogue and explains, for every metric
// and all at once, each rule that it breaks: a name that the catalogue does not
// have, another kind, number, unit or description, labels that are missing or
// too many, boundaries that differ, values that a counter or histogram cannot
// have, a series that is there twice, and a mirror that differs from what it
// repeats. The error joins [CheckError] values.
//
// Metrics are known by their OpenTelemetry names. Data that other libraries
// emitted does not belong in it.
func Check(catalogue *schema.Catalogue, emitted metricdata.ResourceMetrics, options ...CheckOption) error {
	c := &checker{
		catalogue:    catalogue,
		engineLabels: []string{schema.LabelModelName, schema.LabelEngine},
		found:        make(map[string]*emission),
	}
	for _, o := range options {
		o.applyCheck(c)
	}
	for _, scope := range emitted.ScopeMetrics {
		for _, m := range scope.Metrics {
			c.metric(m)
		}
	}
	for d := range catalogue.All() {
		if e := c.found[d.PrometheusName]; e != nil {
			c.unique(e)
			c.mirrors(e)
		}
	}
	return errors.Join(c.errs...)
}

func (c *checker) report(metric, rule, format string, args ...any) {
	c.errs = append(c.errs, &CheckError{Metric: metric, Rule: rule, Reason: fmt.Sprintf(format, args...)})
}

func (c *checker) metric(m metricdata.Metrics) {
	d, ok := c.catalogue.Lookup(m.Name)
	if !ok || d.Name != m.Name {
		reason := "it is not in the catalogue: define it, or record under a name that is"
		if ok {
			reason = fmt.Sprintf("it is a Prometheus name: expected the OpenTelemetry name %q", d.Name)
		}
		c.report(m.Name, "catalogue", "%s", reason)
		return
	}
	if m.Unit != d.Unit {
		c.report(m.Name, "unit", "its unit is %q: expected %q", m.Unit, d.Unit)
	}
	if m.Description != d.Description {
		c.report(m.Name, "description", "its description is %q: expected %q", m.Description, d.Description)
	}
	c.aggregation(d, m.Data)
	points := points(m.Data)
	for _, p := range points {
		c.labels(d, p)
		c.values(d, p)
	}
	c.times(d, m.Data)
	e := c.found[d.PrometheusName]
	if e == nil {
		e = &emission{definition: d}
		c.found[d.PrometheusName] = e
	}
	e.points = append(e.points, points...)
}

// aggregation checks the form of the data.
func (c *checker) aggregation(d schema.Definition, data metricdata.Aggregation) {
	kind, number := "none of the catalogue's kinds", schema.NumberKindInt64
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		kind = sumKind(data.IsMonotonic)
	case metricdata.Sum[float64]:
		kind, number = sumKind(data.IsMonotonic), schema.NumberKindFloat64
	case metricdata.Gauge[int64]:
		kind = schema.KindGauge.String()
	case metricdata.Gauge[float64]:
		kind, number = schema.KindGauge.String(), schema.NumberKindFloat64
	case metricdata.Histogram[int64]:
		kind = schema.KindHistogram.String()
		boundaries(c, d, data.DataPoints)
	case metricdata.Histogram[float64]:
		kind, number = schema.KindHistogram.String(), schema.NumberKindFloat64
		boundaries(c, d, data.DataPoints)
	}
	want := d.Kind().String()
	if d.Additive {
		want = sumKind(false)
	}
	switch {
	case kind != want:
		c.report(d.Name, "kind", "it is emitted as a %s (%T): expected a %s", kind, data, want)
	case number != d.Number():
		c.report(d.Name, "number", "its values are %s: expected %s", number, d.Number())
	}
}

func sumKind(monotonic bool) string {
	if monotonic {
		return schema.KindCounter.String()
	}
	return "sum that can go down"
}

func boundaries[N int64 | float64](c *checker, d schema.Definition, points []metricdata.HistogramDataPoint[N]) {
	for _, p := range points {
		var count uint64
		for _, n := range p.BucketCounts {
			count += n
		}
		switch {
		case !slices.Equal(p.Bounds, d.Boundaries):
			c.report(d.Name, "boundaries", "series %s: its boundaries are %v: expected %v", text(p.Attributes), p.Bounds, d.Boundaries)
		case len(p.BucketCounts) != len(d.Boundaries)+1:
			c.report(d.Name, "boundaries", "series %s: it has %d buckets: expected %d", text(p.Attributes), len(p.BucketCounts), len(d.Boundaries)+1)
		case count != p.Count:
			c.report(d.Name, "values", "series %s: its buckets hold %d samples and its count is %d: expected the same",
				text(p.Attributes), count, p.Count)
		}
	}
}

// labels checks the labels of one series. A label must be a string, because 1
// and "1" would be two series of one name.
func (c *checker) labels(d schema.Definition, p Point) {
	required := slices.Concat(c.engineLabels, d.LabelNames)
	var names []string
	for _, kv := range p.Attributes.ToSlice() {
		name := string(kv.Key)
		names = append(names, name)
		if !slices.Contains(required, name) && !slices.Contains(c.optionalLabels, name) {
			c.report(d.Name, "labels", "series %s: it has the label %q: expected %q", text(p.Attributes), name, required)
		}
		if kv.Value.Type() != attribute.STRING {
			c.report(d.Name, "label-values", "series %s: the label %q is of type %s: expected a string",
				text(p.Attributes), name, strings.ToLower(kv.Value.Type().String()))
		}
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			c.report(d.Name, "labels", "series %s: it lacks the label %q", text(p.Attributes), name)
		}
	}
}

func (c *checker) values(d schema.Definition, p Point) {
	value := p.Value
	if d.Kind() == schema.KindHistogram {
		value = p.Sum
	}
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		c.report(d.Name, "values", "series %s: its value is %v: expected a finite number", text(p.Attributes), value)
	case d.Kind() == schema.KindCounter && value < 0:
		c.report(d.Name, "values", "series %s: its value is %v: expected a counter that is not negative", text(p.Attributes), value)
	}
}

func (c *checker) times(d schema.Definition, data metricdata.Aggregation) {
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		checkTimes(c, d, data.DataPoints)
	case metricdata.Sum[float64]:
		checkTimes(c, d, data.DataPoints)
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			c.started(d, Point{Attributes: p.Attributes, Start: p.StartTime}, p.StartTime.After(p.Time))
		}
	}
}

func checkTimes[N int64 | float64](c *checker, d schema.Definition, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		c.started(d, Point{Attributes: p.Attributes, Start: p.StartTime}, p.StartTime.After(p.Time))
	}
}

func (c *checker) started(d schema.Definition, p Point, late bool) {
	if p.Start.IsZero() || late {
		c.report(d.Name, "times", "series %s: it starts at %v: expected a time before that of the point", text(p.Attributes), p.Start)
	}
}

func (c *checker) unique(e *emission) {
	seen := make(map[attribute.Distinct]bool)
	for _, p := range e.points {
		if seen[p.Attributes.Equivalent()] {
			c.report(e.definition.Name, "series", "series %s: it is emitted twice", text(p.Attributes))
		}
		seen[p.Attributes.Equivalent()] = true
	}
}

// mirrors checks that a metric which repeats others moves with them. Readers of
// the old name and of the new one must see the same, for each engine.
func (c *checker) mirrors(e *emission) {
	if len(e.definition.Mirrors) == 0 {
		return
	}
	// What the mirror adds to the labels of what it repeats.
	added := e.definition.LabelNames
	var of []string
	var sources []Point
	for _, mirror := range e.definition.Mirrors {
		if mirror.LabelValues == nil {
			added = nil
		}
		of = append(of, mirror.Of)
		if source := c.found[mirror.Of]; source != nil {
			sources = append(sources, source.points...)
		}
	}
	got, want := amounts(e.points, added), amounts(sources, added)
	either := maps.Clone(got)
	maps.Copy(either, want)
	for _, labels := range slices.Sorted(maps.Keys(either)) {
		got, want := got[labels], want[labels]
		if math.Abs(got.value-want.value) > 1e-9*math.Max(math.Abs(got.value), math.Abs(want.value)) {
			c.report(e.definition.Name, "mirrors", "series %s: they amount to %v: expected %v, as those of %q do", labels, got.value, want.value, of)
		}
		if got.count != want.count {
			c.report(e.definition.Name, "mirrors", "series %s: they hold %d samples: expected %d, as those of %q do", labels, got.count, want.count, of)
		}
	}
}

// An amount is what several series add up to: values and sums, and samples.
type amount struct {
	value float64
	count uint64
}

// amounts adds up the points that have the same labels but for those left out.
func amounts(points []Point, without []string) map[string]amount {
	all := make(map[string]amount)
	for _, p := range points {
		labels, _ := p.Attributes.Filter(func(kv attribute.KeyValue) bool { return !slices.Contains(without, string(kv.Key)) })
		a := all[text(labels)]
		a.value += p.Value + p.Sum
		a.count += p.Count
		all[text(labels)] = a
	}
	return all
}
