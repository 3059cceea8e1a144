// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// A Catalogue is an ordered set of definitions that satisfy every rule. It never
// changes, and is safe for concurrent use.
type Catalogue struct {
	definitions []Definition
	byName      map[string]int
	schemaURL   string
}

// NewCatalogue returns the catalogue of the given metrics, in their order. It
// keeps copies of their slices.
//
// It checks every rule and returns all errors at once, as joined [DefinitionError]
// values: a name that is illegal or used twice, two metrics whose samples would have the
// same name, a bad unit, boundaries out of order, a label name that is illegal, repeated
// or reserved, and a mirror that does not match the metric that it repeats.
func NewCatalogue(metrics ...Metric) (*Catalogue, error) {
	return newCatalogue(definitionsOf(metrics))
}

// MustCatalogue is [NewCatalogue] for literals that a test covers. It panics if
// NewCatalogue returns an error.
func MustCatalogue(metrics ...Metric) *Catalogue {
	c, err := NewCatalogue(metrics...)
	if err != nil {
		panic(err)
	}
	return c
}

func newCatalogue(definitions []Definition) (*Catalogue, error) {
	if err := validate(definitions); err != nil {
		return nil, err
	}
	c := &Catalogue{definitions: definitions, byName: make(map[string]int, 2*len(definitions))}
	for i, d := range definitions {
		c.byName[d.PayloadName()] = i
		c.byName[d.PrometheusName] = i
		c.byName[d.Name] = i
	}
	return c, nil
}

// WithSchemaURL returns the catalogue with a schema URL, which becomes that of the
// instrumentation scope of exported metrics (OTel specification, "Schema URL"). Catalogues
// made from the result have it too.
func (c *Catalogue) WithSchemaURL(url string) *Catalogue {
	with := *c
	with.schemaURL = url
	return &with
}

// SchemaURL returns the URL set by [Catalogue.WithSchemaURL], or "".
func (c *Catalogue) SchemaURL() string { return c.schemaURL }

// Merge returns a catalogue of the definitions of c and of the others. If two have the
// same Prometheus name, the later one replaces the earlier one in its place. vLLM merges
// the definitions of a specification, its tiers and its connector in the same way
// (OffloadPromMetrics and TieringOffloadingSpec.build_metric_definitions). The result must
// satisfy every rule of [NewCatalogue]; any other clash is an error.
func (c *Catalogue) Merge(others ...*Catalogue) (*Catalogue, error) {
	var added []Definition
	for _, other := range others {
		added = append(added, other.definitions...)
	}
	return c.merge(added)
}

// With is [Catalogue.Merge] for metrics that cannot be a catalogue alone, such as a
// mirror of one of c's metrics.
func (c *Catalogue) With(metrics ...Metric) (*Catalogue, error) {
	return c.merge(definitionsOf(metrics))
}

// definitionsOf returns copies of the metrics' definitions.
func definitionsOf(metrics []Metric) []Definition {
	definitions := make([]Definition, 0, len(metrics))
	for _, m := range metrics {
		definitions = append(definitions, m.Definition().clone())
	}
	return definitions
}

func (c *Catalogue) merge(added []Definition) (*Catalogue, error) {
	merged := slices.Clone(c.definitions)
	place := make(map[string]int, len(merged)+len(added))
	for i, d := range merged {
		place[d.PrometheusName] = i
	}
	for _, d := range added {
		if i, ok := place[d.PrometheusName]; ok {
			merged[i] = d
			continue
		}
		place[d.PrometheusName] = len(merged)
		merged = append(merged, d)
	}
	all, err := newCatalogue(merged)
	if err != nil {
		return nil, err
	}
	return all.WithSchemaURL(c.schemaURL), nil
}

// All yields the definitions in order. Their slices belong to the catalogue and must
// not be changed.
func (c *Catalogue) All() iter.Seq[Definition] {
	return slices.Values(c.definitions)
}

// Len returns the number of definitions.
func (c *Catalogue) Len() int { return len(c.definitions) }

// Lookup returns the definition with the given name. It may be the OpenTelemetry name,
// the Prometheus family name or the key in payloads. The slices of the definition belong
// to the catalogue and must not be changed.
func (c *Catalogue) Lookup(name string) (Definition, bool) {
	i, ok := c.byName[name]
	if !ok {
		return Definition{}, false
	}
	return c.definitions[i], true
}

// Errors of the catalogue's typed look-ups.
var (
	// ErrUnknownMetric says that the catalogue has no metric with the name.
	ErrUnknownMetric = errors.New("not in the catalogue")
	// ErrWrongKind says that the metric has another kind or number.
	ErrWrongKind = errors.New("wrong kind")
)

// Int64Counter returns the int64 counter with the given name, or an error that
// wraps [ErrUnknownMetric] or [ErrWrongKind].
func (c *Catalogue) Int64Counter(name string) (Int64Counter, error) {
	d, err := c.typed(name, KindCounter, NumberKindInt64)
	return Int64Counter(d), err
}

// Float64Counter returns the float64 counter with the given name, or an error
// that wraps [ErrUnknownMetric] or [ErrWrongKind].
func (c *Catalogue) Float64Counter(name string) (Float64Counter, error) {
	d, err := c.typed(name, KindCounter, NumberKindFloat64)
	return Float64Counter(d), err
}

// Int64Gauge returns the int64 gauge with the given name, or an error that
// wraps [ErrUnknownMetric] or [ErrWrongKind].
func (c *Catalogue) Int64Gauge(name string) (Int64Gauge, error) {
	d, err := c.typed(name, KindGauge, NumberKindInt64)
	return Int64Gauge(d), err
}

// Float64Gauge returns the float64 gauge with the given name, or an error that
// wraps [ErrUnknownMetric] or [ErrWrongKind].
func (c *Catalogue) Float64Gauge(name string) (Float64Gauge, error) {
	d, err := c.typed(name, KindGauge, NumberKindFloat64)
	return Float64Gauge(d), err
}

// Histogram returns the histogram with the given name, or an error that wraps
// [ErrUnknownMetric] or [ErrWrongKind].
func (c *Catalogue) Histogram(name string) (Histogram, error) {
	d, err := c.typed(name, KindHistogram, NumberKindFloat64)
	return Histogram(d), err
}

func (c *Catalogue) typed(name string, kind Kind, number NumberKind) (Definition, error) {
	d, ok := c.Lookup(name)
	if !ok {
		return Definition{}, fmt.Errorf("otelkv: metric %q: %w%s", name, ErrUnknownMetric, didYouMean(name, c.byName))
	}
	if d.kind != kind || d.number != number {
		return Definition{}, fmt.Errorf("otelkv: metric %q: %w: it is a %s of %s, not a %s of %s",
			name, ErrWrongKind, d.kind, d.number, kind, number)
	}
	return d, nil
}
