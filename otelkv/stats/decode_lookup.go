// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

// Payloads of one sender repeat: the metrics and the label values of a step are
// mostly those of the step before, in the same order, and "data" has the order of
// "types". So each metric and entry remembers which one followed it, and one
// comparison takes the place of most map look-ups, which were the greater part
// of a decode. The remembered order is a guess that is checked, never relied on.

// lookupMetric returns the metric of the given name, which may be new. next is
// where the metric that is expected is kept.
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

// lookupEntry returns the entry of the key, which may be new.
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

// forgetOrder is for when a metric has been replaced.
func (p *Payload) forgetOrder() {
	p.first = nil
	for _, m := range p.metrics {
		m.next = nil
	}
}
