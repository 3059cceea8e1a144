// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"slices"

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
