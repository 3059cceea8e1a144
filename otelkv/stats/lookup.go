// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/schema"
)

// metric returns the metric with the given name and kind, which may be new.
func (p *Payload) metric(name string, kind schema.Kind) (*Metric, error) {
	m := p.metrics[name]
	if m == nil {
		var err error
		if m, err = p.addMetric(name); err != nil {
			return nil, err
		}
	}
	return m, m.claim(kind)
}

func (p *Payload) addMetric(name string) (*Metric, error) {
	if !utf8.ValidString(name) {
		return nil, fmt.Errorf("name: %w", ErrUTF8)
	}
	return p.newMetric(name), nil
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
	return m.addEntry(string(key))
}

func (m *Metric) addEntry(key string) (*Entry, error) {
	labelValues := tuple.Split(key)
	for i, v := range labelValues {
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("label value %d: %w", i, ErrUTF8)
		}
	}
	return m.newEntry(key, labelValues), nil
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
