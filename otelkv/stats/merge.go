// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"slices"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/schema"
)

// Merge adds what other holds, as vLLM's aggregate does (vLLM #45957): counters add
// up, a gauge takes other's value, a histogram takes other's samples after its own,
// and other's info replaces p's unless there is none (vLLM #56867). Nested payloads
// merge by name, and what was ignored adds up. Everything is copied: p and other
// share no memory that either changes. A nil other, which [Payload.Take] returns for
// nothing, is as an empty one.
//
// What cannot be merged is left out and named in the returned error, which joins
// [EntryError] values; everything else is merged. That is a metric that p has as
// another kind ([ErrKind]), where vLLM goes on and fails later, and a counter's
// value that is negative or not finite, or with which an int64 overflows
// ([ErrNumber]).
func (p *Payload) Merge(other *Payload) error {
	if other == nil {
		return nil
	}
	var errs errorlist.List
	p.merge(other, &errs)
	for name, child := range other.Connectors() {
		to := p.connector(name)
		to.show()
		to.merge(child, &errs)
	}
	p.ignoreAll(other)
	return errs.Join()
}

func (p *Payload) merge(other *Payload, errs *errorlist.List) {
	if other.info != nil {
		p.copyInfo(other.info)
	}
	for _, from := range other.present {
		m, err := p.metric(from.name, from.kind)
		if err != nil {
			errs.Add(&EntryError{Connector: other.name, Metric: from.name, Err: err})
			continue
		}
		if len(from.present) == 0 {
			m.show()
		}
		for _, e := range from.present {
			if err := m.mergeEntry(e); err != nil {
				errs.Add(&EntryError{Connector: other.name, Metric: from.name, LabelValues: slices.Clone(e.labelValues), Err: err})
			}
		}
	}
}

func (m *Metric) mergeEntry(from *Entry) error {
	e := m.entryFor(from)
	switch m.kind {
	case schema.KindCounter:
		return e.increase(from.value)
	case schema.KindGauge:
		e.set(from.value)
	case schema.KindHistogram:
		e.observe(from.samples...)
	}
	return nil
}
