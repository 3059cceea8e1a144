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

// Take moves what the payload holds to a new payload, returns that, and leaves p empty
// (reset on read, vLLM's rule for everything that produces stats). It returns nil if p
// is empty. Handles bound to p stay valid and still record to p.
func (p *Payload) Take() *Payload {
	if p.IsEmpty() {
		p.Reset()
		return nil
	}
	taken := new(Payload)
	p.TakeInto(taken)
	return taken
}

// TakeInto is [Payload.Take] into an existing payload: it resets dst, moves what p holds
// to dst, and reports whether there was anything. Samples move without being copied. Once
// both payloads have seen the same entries, TakeInto allocates nothing.
//
// If dst has a bound handle to a metric that has another kind in p, TakeInto replaces
// the metric, and the handle records to nothing. Taking a payload into itself does
// nothing. If p has nested payloads, dst must not be a nested payload.
func (p *Payload) TakeInto(dst *Payload) bool {
	if p == dst {
		return !p.IsEmpty()
	}
	dst.Reset()
	taken := !p.IsEmpty()
	if taken {
		p.moveTo(dst)
		for name, child := range p.Connectors() {
			to := dst.connector(name)
			to.show()
			child.moveTo(to)
		}
		dst.ignoreAll(p)
	}
	// An empty payload can have grown too, by bad entries.
	p.Reset()
	return taken
}

// moveTo moves the metrics and the info of p, without nested payloads, to dst, which is
// empty. The caller resets p.
func (p *Payload) moveTo(dst *Payload) {
	if p.info != nil {
		dst.info, p.info = p.info, nil
		dst.show()
	}
	for _, from := range p.present {
		m := dst.metricFor(from)
		if len(from.present) == 0 {
			m.show()
		}
		for _, e := range from.present {
			m.entryFor(e).moveFrom(e)
		}
	}
}

// metricFor returns the metric of p, which is empty, with the name and kind of a metric
// of another payload.
func (p *Payload) metricFor(from *Metric) *Metric {
	if m, err := p.metric(from.name, from.kind); err == nil {
		return m
	}
	// The handles of the replaced metric record to a payload that nobody reads.
	p.metrics[from.name].payload = new(Payload)
	m := p.newMetric(from.name)
	m.kind = from.kind
	p.forgetOrder()
	return m
}

func (e *Entry) moveFrom(from *Entry) {
	if e.metric.kind != schema.KindHistogram {
		e.set(from.value)
		return
	}
	e.samples, from.samples = from.samples, e.samples[:0]
	e.show()
}
