// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

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
