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

// A CheckError says that emitted data breaks a rule.
type CheckError struct {
	// Metric is the emitted name.
	Metric string
	// Rule names the rule: catalogue, kind, number, unit, description, labels,
	// label-values, series, boundaries, values, times or mirrors.
	Rule string
	// Reason says what was emitted and what was expected.
	Reason string
}

// Error returns `otelkv: metric "x": reason`.
func (e *CheckError) Error() string { return fmt.Sprintf("otelkv: metric %q: %s", e.Metric, e.Reason) }

// A CheckOption changes what [Check] expects.
type CheckOption func(*checker)

// WithEngineLabels names the labels of the engine, which every series must have. The
// default is model_name and engine.
func WithEngineLabels(names ...string) CheckOption {
	names = slices.Clone(names)
	return func(c *checker) { c.engineLabels = names }
}

// WithOptionalLabels names labels that a series may have, such as the connector or the
// medium of a tier.
func WithOptionalLabels(names ...string) CheckOption {
	names = slices.Clone(names)
	return func(c *checker) { c.optionalLabels = names }
}

type checker struct {
	catalogue      *schema.Catalogue
	engineLabels   []string
	optionalLabels []string
	found          map[string][]Point // by Prometheus name
	errs           []error
}

// Check compares emitted data with a catalogue. The error joins a [CheckError] for each
// broken rule of every metric: a name that is not in the catalogue; another kind, number,
// unit or description; missing or unexpected labels; other boundaries; values that a
// counter or histogram cannot have; a series that is emitted twice; and a mirror that
// differs from the metrics that it repeats.
//
// Check looks metrics up by their OpenTelemetry names. Leave out data of other libraries.
func Check(catalogue *schema.Catalogue, emitted metricdata.ResourceMetrics, options ...CheckOption) error {
	c := &checker{
		catalogue:    catalogue,
		engineLabels: []string{schema.LabelModelName, schema.LabelEngine},
		found:        make(map[string][]Point),
	}
	for _, o := range options {
		o(c)
	}
	for _, scope := range emitted.ScopeMetrics {
		for _, m := range scope.Metrics {
			c.metric(m)
		}
	}
	for d := range catalogue.All() {
		if points, emitted := c.found[d.PrometheusName]; emitted {
			c.unique(d, points)
			c.mirrors(d, points)
		}
	}
	return errors.Join(c.errs...)
}

func (c *checker) report(metric, rule, format string, args ...any) {
	c.errs = append(c.errs, &CheckError{Metric: metric, Rule: rule, Reason: fmt.Sprintf(format, args...)})
}

// series reports a rule that one series breaks.
func (c *checker) series(d schema.Definition, p Point, rule, format string, args ...any) {
	c.report(d.Name, rule, "series %s: "+format, append([]any{text(p.Attributes)}, args...)...)
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
	want := d.Kind().String()
	if d.Additive {
		want = sumKind(false)
	}
	kind, number, points := read(m.Data)
	switch {
	case kind != want:
		c.report(d.Name, "kind", "it is emitted as a %s (%T): expected a %s", kind, m.Data, want)
	case number != d.Number():
		c.report(d.Name, "number", "its values are %s: expected %s", number, d.Number())
	}
	for _, p := range points {
		c.labels(d, p)
		c.values(d, p)
	}
	c.found[d.PrometheusName] = append(c.found[d.PrometheusName], points...)
}

// labels checks the labels of one series. A label must be a string, because 1 and "1"
// would be two series with the same text.
func (c *checker) labels(d schema.Definition, p Point) {
	required := slices.Concat(c.engineLabels, d.LabelNames)
	var names []string
	for _, kv := range p.Attributes.ToSlice() {
		name := string(kv.Key)
		names = append(names, name)
		if !slices.Contains(required, name) && !slices.Contains(c.optionalLabels, name) {
			c.series(d, p, "labels", "it has the label %q: expected %q", name, required)
		}
		if kv.Value.Type() != attribute.STRING {
			c.series(d, p, "label-values", "the label %q is of type %s: expected a string",
				name, strings.ToLower(kv.Value.Type().String()))
		}
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			c.series(d, p, "labels", "it lacks the label %q", name)
		}
	}
}

// values checks what one series reports.
func (c *checker) values(d schema.Definition, p Point) {
	value := p.Value
	if d.Kind() == schema.KindHistogram {
		value = p.Sum
	}
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		c.series(d, p, "values", "its value is %v: expected a finite number", value)
	case d.Kind() == schema.KindCounter && value < 0:
		c.series(d, p, "values", "its value is %v: expected a counter that is not negative", value)
	}
	if p.starts && (p.Start.IsZero() || p.Start.After(p.time)) {
		c.series(d, p, "times", "it starts at %v: expected a time before that of the point", p.Start)
	}
	if !p.histogram {
		return
	}
	var count uint64
	for _, n := range p.Buckets {
		count += n
	}
	switch {
	case !slices.Equal(p.bounds, d.Boundaries):
		c.series(d, p, "boundaries", "its boundaries are %v: expected %v", p.bounds, d.Boundaries)
	case len(p.Buckets) != len(d.Boundaries)+1:
		c.series(d, p, "boundaries", "it has %d buckets: expected %d", len(p.Buckets), len(d.Boundaries)+1)
	case count != p.Count:
		c.series(d, p, "values", "its buckets hold %d samples and its count is %d: expected the same", count, p.Count)
	}
}

func (c *checker) unique(d schema.Definition, points []Point) {
	seen := make(map[attribute.Distinct]bool)
	for _, p := range points {
		if seen[p.Attributes.Equivalent()] {
			c.series(d, p, "series", "it is emitted twice")
		}
		seen[p.Attributes.Equivalent()] = true
	}
}

// mirrors checks that a mirror has the same totals as the metrics that it repeats, for each
// engine.
func (c *checker) mirrors(d schema.Definition, points []Point) {
	if len(d.Mirrors) == 0 {
		return
	}
	added := d.LabelNames // the labels that only the mirror has
	var of []string
	var sources []Point
	for _, mirror := range d.Mirrors {
		if mirror.LabelValues == nil {
			added = nil
		}
		of = append(of, mirror.Of)
		sources = append(sources, c.found[mirror.Of]...)
	}
	got, want := amounts(points, added), amounts(sources, added)
	either := maps.Clone(got)
	maps.Copy(either, want)
	for _, labels := range slices.Sorted(maps.Keys(either)) {
		got, want := got[labels], want[labels]
		if math.Abs(got.value-want.value) > 1e-9*math.Max(math.Abs(got.value), math.Abs(want.value)) {
			c.report(d.Name, "mirrors", "series %s: they amount to %v: expected %v, as those of %q do", labels, got.value, want.value, of)
		}
		if got.count != want.count {
			c.report(d.Name, "mirrors", "series %s: they hold %d samples: expected %d, as those of %q do", labels, got.count, want.count, of)
		}
	}
}

// An amount is the total of several series.
type amount struct {
	value float64 // values and sums
	count uint64  // samples
}

// amounts adds up points by their labels, without some of the labels.
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
