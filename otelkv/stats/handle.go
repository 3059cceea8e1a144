// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"math"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/schema"
)

// A handle of a payload is bound to one entry. It stays valid when the payload is reset
// or taken, and then fills the payload again. Like the payload itself, handles are not
// safe for concurrent use.
type (
	// An Int64Counter adds to a counter of a payload.
	Int64Counter Entry
	// A Float64Counter adds to a counter of a payload.
	Float64Counter Entry
	// An Int64Gauge sets a gauge of a payload.
	Int64Gauge Entry
	// A Float64Gauge sets a gauge of a payload.
	Float64Gauge Entry
	// A Histogram adds samples to a histogram of a payload.
	Histogram Entry
)

// Int64Counter binds a counter, under its Prometheus name. The payload has the entry from
// its first Add on.
//
// The error is an [EntryError]. It wraps [ErrLabelValues] if the number of label values
// is not the definition's, [ErrKind] if the definition is a mirror or the payload has the
// name for another kind or number, and [ErrUTF8] if a label value is not valid UTF-8.
func (p *Payload) Int64Counter(m schema.Int64Counter, labelValues ...string) (*Int64Counter, error) {
	e, err := p.bind(m.Definition(), labelValues)
	return (*Int64Counter)(e), err
}

// Float64Counter binds a counter, as [Payload.Int64Counter] does.
func (p *Payload) Float64Counter(m schema.Float64Counter, labelValues ...string) (*Float64Counter, error) {
	e, err := p.bind(m.Definition(), labelValues)
	return (*Float64Counter)(e), err
}

// Int64Gauge binds a gauge, as [Payload.Int64Counter] does a counter.
func (p *Payload) Int64Gauge(m schema.Int64Gauge, labelValues ...string) (*Int64Gauge, error) {
	e, err := p.bind(m.Definition(), labelValues)
	return (*Int64Gauge)(e), err
}

// Float64Gauge binds a gauge, as [Payload.Int64Counter] does a counter.
func (p *Payload) Float64Gauge(m schema.Float64Gauge, labelValues ...string) (*Float64Gauge, error) {
	e, err := p.bind(m.Definition(), labelValues)
	return (*Float64Gauge)(e), err
}

// Histogram binds a histogram, as [Payload.Int64Counter] does a counter.
func (p *Payload) Histogram(m schema.Histogram, labelValues ...string) (*Histogram, error) {
	e, err := p.bind(m.Definition(), labelValues)
	return (*Histogram)(e), err
}

// Bind makes the payload a [Binder]. The result is an [*Int64Counter], a
// [*Float64Counter], an [*Int64Gauge], a [*Float64Gauge] or a [*Histogram]. The error is
// as with [Payload.Int64Counter].
func (p *Payload) Bind(d schema.Definition, labelValues ...string) (any, error) {
	e, err := p.bind(d, labelValues)
	if err != nil {
		return nil, err
	}
	isInt := d.Number() == schema.NumberKindInt64
	switch kind := d.Kind(); {
	case kind == schema.KindHistogram:
		return (*Histogram)(e), nil
	case kind == schema.KindCounter && isInt:
		return (*Int64Counter)(e), nil
	case kind == schema.KindCounter:
		return (*Float64Counter)(e), nil
	case isInt:
		return (*Int64Gauge)(e), nil
	}
	return (*Float64Gauge)(e), nil
}

// bind returns the entry with the given label values. The payload keeps it from then on.
func (p *Payload) bind(d schema.Definition, labelValues []string) (*Entry, error) {
	e, err := p.boundEntry(d, labelValues)
	if err != nil {
		return nil, entryError(err, d.PayloadName(), labelValues)
	}
	m := e.metric
	if m.number == 0 {
		m.number = d.Number()
		m.counts = d.Unit != "s" && d.Unit != "1"
		p.retained.entries--
		p.retained.text -= len(m.name)
	}
	if !e.bound {
		e.bound = true
		p.retained.entries--
		p.retained.text -= len(e.key)
	}
	return e, nil
}

func (p *Payload) boundEntry(d schema.Definition, labelValues []string) (*Entry, error) {
	if len(d.Mirrors) > 0 {
		return nil, fmt.Errorf("%w: it mirrors %q: record to that", ErrKind, d.Mirrors[0].Of)
	}
	if got, want := len(labelValues), len(d.LabelNames); got != want {
		return nil, fmt.Errorf("%w: expected %d for %q, got %d", ErrLabelValues, want, d.LabelNames, got)
	}
	m, err := p.metric(d.PayloadName(), d.Kind())
	if err != nil {
		return nil, err
	}
	if m.number != 0 && m.number != d.Number() {
		return nil, fmt.Errorf("%w: it is bound as a %v of %v, not of %v", ErrKind, m.kind, m.number, d.Number())
	}
	p.key = tuple.Append(p.key[:0], labelValues)
	return m.entry(p.key)
}

// Add adds an increment. It ignores a negative one, because the sum would hide it. A sum
// beyond int64 stays at the greatest int64.
func (c *Int64Counter) Add(increment int64) {
	e := (*Entry)(c)
	if increment < 0 {
		return
	}
	if !e.present {
		e.show()
	}
	if e.value.float {
		e.value = Float64(e.value.Float64() + float64(increment))
		return
	}
	sum := int64(e.value.bits) + increment
	if sum < increment && int64(e.value.bits) >= 0 {
		sum = math.MaxInt64
	}
	e.value.bits = uint64(sum)
}

// Add adds an increment. It ignores a negative, infinite or NaN one, because the sum
// would hide it.
func (c *Float64Counter) Add(increment float64) {
	e := (*Entry)(c)
	if !(increment >= 0 && increment <= math.MaxFloat64) {
		return
	}
	if !e.present {
		e.show()
	}
	e.value = Float64(e.value.Float64() + increment)
}

// Record sets the gauge.
func (g *Int64Gauge) Record(value int64) { (*Entry)(g).set(Int64(value)) }

// Record sets the gauge. It keeps NaN and infinities: the receiver of the payload refuses
// them.
func (g *Float64Gauge) Record(value float64) { (*Entry)(g).set(Float64(value)) }

// Record adds a sample. The payload keeps the sample, in 16 bytes, until it is reset or
// taken. It keeps NaN and infinities too: the receiver of the payload refuses them.
//
// If the metric's unit counts things, such as bytes or chunks, a whole number is kept as
// an int64. vLLM's payloads have ints there, and so have the sums of [Payload.Reduce].
func (h *Histogram) Record(value float64) {
	e := (*Entry)(h)
	if whole := int64(value); e.metric.counts && math.Abs(value) <= maxExact && float64(whole) == value {
		e.observe(Int64(whole))
		return
	}
	e.observe(Float64(value))
}

// maxExact is the greatest number up to which every whole float64 is exact.
const maxExact = 1 << 53
