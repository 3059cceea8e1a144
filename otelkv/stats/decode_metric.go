// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/schema"
)

// types decodes the kinds. A bad kind is an error only if the metric has data.
func (s *decoding) types(p *Payload) {
	next := &p.first
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a metric's name") || !s.r.count(&s.counts.types, s.limits.Metrics, "types") {
			return
		}
		m, err := s.lookupMetric(p, next, s.r.text())
		if err != nil {
			s.r.skip()
			continue
		}
		next = &m.next
		m.declaredIn, m.declared, m.misdeclared = s.generation, 0, ""
		if got := s.r.peek(); got != shapeString {
			m.misdeclared = got.String()
			s.r.skip()
			continue
		}
		switch word := s.r.text(); string(word) {
		case "counter":
			m.declared = schema.KindCounter
		case "gauge":
			m.declared = schema.KindGauge
		case "histogram":
			m.declared = schema.KindHistogram
		default:
			m.misdeclared = quote(word)
		}
	}
}

// metrics decodes the data.
func (s *decoding) metrics(p *Payload) {
	next := &p.first
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a metric's name") || !s.r.count(&s.counts.metrics, s.limits.Metrics, "metrics") {
			return
		}
		name := s.r.text()
		m, err := s.lookupMetric(p, next, name)
		if err != nil {
			s.errs.Add(&EntryError{Connector: p.name, Metric: s.clip(name), Err: err})
			s.r.skip()
			continue
		}
		next = &m.next
		if err := s.claim(m); err != nil {
			s.errs.Add(&EntryError{Connector: p.name, Metric: m.name, Err: err})
			s.r.skip()
			continue
		}
		s.metric(m)
	}
}

// claim gives the metric the kind that the payload declares.
func (s *decoding) claim(m *Metric) error {
	switch {
	case m.declaredIn != s.generation:
		return fmt.Errorf(`%w: it is not in "types"`, ErrKind)
	case m.misdeclared != "":
		return fmt.Errorf("%w: expected counter, gauge or histogram, got %s", ErrKind, m.misdeclared)
	}
	return m.claim(m.declared)
}

// metric decodes the metric's entries, in any of their forms.
func (s *decoding) metric(m *Metric) {
	switch s.r.peek() {
	case shapeMap:
		s.entryMap(m)
	case shapeArray:
		s.entryList(m)
	default:
		s.unlabelled(m)
	}
}

// entryMap decodes entries as a map with label values as keys, the form of
// MessagePack.
func (s *decoding) entryMap(m *Metric) {
	any := false
	s.next = &m.first
	s.r.beginMap()
	for s.r.more() && s.countEntry() {
		any = true
		err := s.labelValues()
		s.entry(m, err)
	}
	if !any && s.r.failure == nil {
		m.show()
	}
}

// entryList decodes a list: entries as objects, the form of JSON, or the samples of an
// unlabelled histogram. The first element tells which. An empty list is a metric
// without entries in JSON, and a histogram without samples in MessagePack, where a
// metric without entries is an empty map.
func (s *decoding) entryList(m *Metric) {
	start := s.r.mark()
	s.r.beginArray()
	empty := !s.r.more()
	if empty && s.isJSON {
		if s.r.failure == nil {
			m.show()
		}
		return
	}
	objects := !empty && s.r.peek() == shapeMap
	s.r.seek(start)
	if !objects {
		s.unlabelled(m)
		return
	}
	s.next = &m.first
	s.r.beginArray()
	for s.r.more() && s.countEntry() {
		s.entryObject(m)
	}
}

// unlabelled decodes a value without labels, the form before metrics had labels.
func (s *decoding) unlabelled(m *Metric) {
	if !s.countEntry() {
		return
	}
	s.key = s.key[:0]
	s.next = &m.first
	s.entry(m, nil)
}

// countEntry counts what is or should be an entry, and fails beyond the limit.
func (s *decoding) countEntry() bool {
	return s.r.count(&s.counts.entries, s.limits.Entries, "entries")
}

// entryObject decodes {"labels": [...], "value": ...}, in any order.
func (s *decoding) entryObject(m *Metric) {
	s.key = s.key[:0]
	if got := s.r.peek(); got != shapeMap {
		s.r.skip()
		s.report(m, fmt.Errorf("%w: expected a map with labels and value, got %v", ErrMalformed, got))
		return
	}
	var bad error
	var hasLabels bool
	var value mark
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a field's name") {
			return
		}
		switch string(s.r.text()) {
		case fieldLabels:
			bad, hasLabels = s.labelValues(), true
			continue
		case fieldValue:
			value = s.r.mark()
		}
		s.r.skip()
	}
	if s.r.failure != nil {
		return
	}
	end := s.r.mark()
	if !hasLabels || !value.isSet() {
		s.key = s.key[:0]
		s.report(m, fmt.Errorf("%w: expected labels and value", ErrMalformed))
		return
	}
	s.r.seek(value)
	s.entry(m, bad)
	if s.r.failure == nil {
		s.r.seek(end)
	}
}

// labelValues reads the label values ahead into the key. After an error, the key
// holds the values before the bad one.
func (s *decoding) labelValues() (err error) {
	s.key = s.key[:0]
	if got := s.r.peek(); got != shapeArray {
		s.r.skip()
		return fmt.Errorf("%w: expected a list of strings, got %v", ErrLabelValues, got)
	}
	n := 0
	s.r.beginArray()
	for s.r.more() {
		got := s.r.peek()
		switch {
		case err != nil:
			s.r.skip()
		case n == s.limits.LabelValues:
			err = fmt.Errorf("%w: more than %d", ErrLabelValues, n)
			s.r.skip()
		case got != shapeString:
			err = fmt.Errorf("%w: value %d is %v, expected a string", ErrLabelValues, n, got)
			s.r.skip()
		default:
			text := s.r.text()
			if len(text) > s.limits.LabelLength {
				err = fmt.Errorf("label value %d: %w", n, s.checkText(text))
				continue
			}
			s.key = tuple.AppendValue(s.key, text)
			n++
		}
	}
	return err
}

// entry decodes the value ahead for the label values in the key. It only reports the
// error if they are bad.
func (s *decoding) entry(m *Metric, bad error) {
	var e *Entry
	if bad == nil {
		e, bad = s.lookupEntry(m)
	}
	if bad == nil && e.present {
		bad = errDuplicate
	}
	if bad != nil {
		s.r.skip()
	} else {
		bad = s.value(e)
	}
	switch {
	case s.r.failure != nil:
	case bad != nil:
		s.report(m, bad)
	default:
		e.show()
	}
}

// report adds an error that names the metric and the label values in the key.
func (s *decoding) report(m *Metric, err error) {
	s.errs.Add(&EntryError{Connector: m.payload.name, Metric: m.name, LabelValues: s.labels(), Err: err})
}

// value decodes the value ahead into e.
func (s *decoding) value(e *Entry) error {
	got := s.r.peek()
	if e.metric.kind == schema.KindHistogram {
		if got == shapeArray {
			return s.samples(e)
		}
		s.r.skip()
		return fmt.Errorf("%w: expected a list of samples for a histogram, got %v", ErrNumber, got)
	}
	if got != shapeNumber {
		s.r.skip()
		return fmt.Errorf("%w: expected a number for a %v, got %v", ErrNumber, e.metric.kind, got)
	}
	n, ok := s.r.number()
	if !ok {
		return errBeyond
	}
	e.value = n
	return nil
}

// samples decodes the list ahead into e.
func (s *decoding) samples(e *Entry) error {
	room := s.limits.Samples - s.counts.samples
	samples, bad := s.r.numbers(e.samples[:0], room)
	s.counts.samples += len(samples)
	if bad == nil && len(samples) > room {
		s.r.fail(fmt.Errorf("%w: more than %d samples", ErrTooLarge, s.limits.Samples))
	}
	e.samples = samples
	if bad != nil || s.r.failure != nil {
		e.samples = samples[:0]
		e.account()
	}
	return bad
}

// A sender repeats itself: a payload mostly has the metrics and the label values of
// the one before, in the same order, and "data" has the order of "types". So each
// metric and entry remembers which one followed it. The decoder compares the name with
// that guess first, and looks into a map only if the guess is wrong. Without this,
// maps take most of the time of a decode.

// lookupMetric returns the metric of the given name, which may be new. next points to
// the guess.
func (s *decoding) lookupMetric(p *Payload, next **Metric, name []byte) (*Metric, error) {
	if guess := *next; guess != nil && guess.name == string(name) {
		return guess, nil
	}
	m := p.metrics[string(name)]
	if m == nil {
		if err := s.checkText(name); err != nil {
			return nil, fmt.Errorf("name: %w", err)
		}
		m = p.newMetric(string(name))
	}
	*next = m
	return m, nil
}

// lookupEntry returns the entry of the key, which may be new. s.next points to the
// guess.
func (s *decoding) lookupEntry(m *Metric) (*Entry, error) {
	e := *s.next
	if e == nil || e.key != string(s.key) {
		var err error
		if e, err = m.entry(s.key); err != nil {
			return nil, err
		}
		*s.next = e
	}
	s.next = &e.next
	return e, nil
}

// forgetOrder drops the guesses. They are wrong after a metric was replaced.
func (p *Payload) forgetOrder() {
	p.first = nil
	for _, m := range p.metrics {
		m.next = nil
	}
}
