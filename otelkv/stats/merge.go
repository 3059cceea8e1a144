// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"slices"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/schema"
)

// Merge adds what other holds, as vLLM's aggregate does (vLLM #45957): counters add up,
// a gauge takes the value of other, a histogram appends the samples of other, and the
// info of other replaces that of p if there is any (vLLM #56867). Nested payloads merge
// by name, and the counts of ignored stats add up. Everything is copied: p and other
// share no memory that changes. Nil, which [Payload.Take] returns for an empty payload,
// merges as an empty one.
//
// What cannot be merged is left out, and the returned error joins an [EntryError] for
// each. These are metrics that p has with another kind ([ErrKind]), where vLLM goes on
// and fails later, and counter values that are negative or not finite, or that overflow
// an int64 ([ErrNumber]).
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
