// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/schema"
)

// AddCounter adds an increment to a counter (increase_counter of vLLM #45957). The entry
// appears even if the increment is zero. It starts at the int64 0; the sum of an int64
// and a float64 is a float64.
//
// A negative, infinite or NaN increment is an error and changes nothing. The error is an
// [EntryError]. It wraps [ErrNumber], also if an int64 overflows, [ErrKind] if the
// payload has the name with another kind, or [ErrUTF8].
func (p *Payload) AddCounter(name string, increment Number, labelValues ...string) error {
	e, err := p.entry(name, schema.KindCounter, labelValues)
	if err == nil {
		err = e.increase(increment)
	}
	return entryError(err, name, labelValues)
}

// RecordGauge sets a gauge (set_gauge of vLLM #45957) to any number. The recorder that
// receives the payload refuses NaN and infinities. Errors are as for
// [Payload.AddCounter].
func (p *Payload) RecordGauge(name string, value Number, labelValues ...string) error {
	e, err := p.entry(name, schema.KindGauge, labelValues)
	if err == nil {
		e.set(value)
	}
	return entryError(err, name, labelValues)
}

// RecordHistogram adds one sample to a histogram (observe_histogram of vLLM #45957). The
// payload keeps every sample until it is reset or taken, 16 bytes each. A sample may be
// any number, but the recorder that receives the payload refuses NaN and infinities.
// Errors are as for [Payload.AddCounter].
func (p *Payload) RecordHistogram(name string, sample Number, labelValues ...string) error {
	e, err := p.entry(name, schema.KindHistogram, labelValues)
	if err == nil {
		e.observe(sample)
	}
	return entryError(err, name, labelValues)
}

func (p *Payload) entry(name string, kind schema.Kind, labelValues []string) (*Entry, error) {
	m, err := p.metric(name, kind)
	if err != nil {
		return nil, err
	}
	p.key = tuple.Append(p.key[:0], labelValues)
	return m.entry(p.key)
}

func (e *Entry) increase(increment Number) error {
	if !increment.canIncrement() {
		return fmt.Errorf("%w: increment %v: expected a finite number that is not negative", ErrNumber, increment)
	}
	sum, ok := e.value.plus(increment)
	if !ok {
		return fmt.Errorf("%w: %v + %v is beyond int64", ErrNumber, e.value, increment)
	}
	e.value = sum
	e.show()
	return nil
}

func (e *Entry) set(value Number) {
	e.value = value
	e.show()
}

func (e *Entry) observe(samples ...Number) {
	e.samples = append(e.samples, samples...)
	e.show()
}

// entryError wraps err, unless it is nil, with a copy of the label values.
func entryError(err error, name string, labelValues []string) error {
	if err == nil {
		return nil
	}
	return &EntryError{Metric: name, LabelValues: slices.Clone(labelValues), Err: err}
}

// metric returns the metric with the given name and kind, which may be new.
func (p *Payload) metric(name string, kind schema.Kind) (*Metric, error) {
	m := p.metrics[name]
	if m == nil {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("name: %w", ErrUTF8)
		}
		m = p.newMetric(name)
	}
	return m, m.claim(kind)
}

// newMetric adds a metric without a kind, or replaces one. The name is valid UTF-8.
func (p *Payload) newMetric(name string) *Metric {
	if p.metrics == nil {
		p.metrics = map[string]*Metric{}
	}
	m := &Metric{payload: p, name: name}
	p.metrics[name] = m
	p.retained.entries++
	p.retained.text += len(name)
	return m
}

// claim sets the kind of the metric. The first use since the payload was empty decides
// the kind, and a bound handle decides it permanently.
func (m *Metric) claim(kind schema.Kind) error {
	if m.kind == kind {
		return nil
	}
	if m.shown || m.number != 0 {
		return fmt.Errorf("%w: it is a %v in this payload, not a %v", ErrKind, m.kind, kind)
	}
	m.kind = kind
	return nil
}

// entry returns the entry with the given key, which may be new. See package tuple.
func (m *Metric) entry(key []byte) (*Entry, error) {
	if e := m.entries[string(key)]; e != nil {
		return e, nil
	}
	own := string(key)
	labelValues := tuple.Split(own)
	for i, v := range labelValues {
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("label value %d: %w", i, ErrUTF8)
		}
	}
	return m.newEntry(own, labelValues), nil
}

// entryFor returns the entry of m with the label values of an entry of another payload.
func (m *Metric) entryFor(from *Entry) *Entry {
	if e := m.entries[from.key]; e != nil {
		return e
	}
	return m.newEntry(from.key, from.labelValues)
}

// newEntry adds an entry. Its label values are valid UTF-8. They never change, so
// entries may share them.
func (m *Metric) newEntry(key string, labelValues []string) *Entry {
	if m.entries == nil {
		m.entries = map[string]*Entry{}
	}
	e := &Entry{metric: m, key: key, labelValues: labelValues}
	m.entries[key] = e
	m.payload.retained.entries++
	m.payload.retained.text += len(key)
	return e
}
