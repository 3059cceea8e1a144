// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"iter"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// A Payload holds the stats of one interval: for each metric its kind, and a
// value for each tuple of label values. It is vLLM's KVConnectorStats, and the
// OffloadingConnectorStats (vLLM #45957), SimpleCPUOffloadStats (vLLM #57251) and
// MultiConnector's stats that are built on it.
//
// Metrics and entries are in a payload once something was recorded to them, also
// a zero, and until the payload is reset or taken. They keep the order in which
// they came.
//
// The zero Payload is empty and ready. A Payload must not be copied, and is not
// safe for concurrent use; different payloads are independent, nested ones of
// one parent are not.
type Payload struct {
	noCopy noCopy

	metrics map[string]*Metric
	present []*Metric
	first   *Metric

	// info is nil when there is none, which is distinct from an empty one.
	info []map[string]string

	// ignored counts what another connector sent in the payload's place.
	ignored int64

	connectors map[string]*Payload
	shown      []*Payload

	// These are set in a nested payload: isShown tells that it is among its
	// parent's shown, isPresent that it holds something or came as an empty payload,
	// and pinned that [Payload.Connector] gave it away.
	parent    *Payload
	name      string
	isShown   bool
	isPresent bool
	pinned    bool

	key      []byte
	retained retained
	decoding *decoding
}

// noCopy lets go vet find copies: metrics point back at their payload.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A Metric is one metric of a payload. It belongs to the payload, and is valid
// until the payload is changed.
type Metric struct {
	payload *Payload
	name    string
	kind    schema.Kind
	entries map[string]*Entry
	present []*Entry
	shown   bool
	next    *Metric
	first   *Entry
	// number is set once a handle is bound to the metric, and fixes its kind.
	number schema.NumberKind
	// counts says, of a histogram with a handle, that its unit counts things.
	counts bool
	// declared is the kind that the payload being decoded gives, if declaredIn is
	// its generation, and misdeclared what it gives in place of one.
	declared    schema.Kind
	declaredIn  uint64
	misdeclared string
}

// Name returns the metric's name, which is its Prometheus family name in the
// payloads of vLLM.
func (m *Metric) Name() string { return m.name }

// Kind returns the metric's kind.
func (m *Metric) Kind() schema.Kind { return m.kind }

// Entries yields the metric's entries in the order in which they came. A decoded
// metric can be without any.
func (m *Metric) Entries() iter.Seq[*Entry] { return slices.Values(m.present) }

// An Entry is what was recorded for one tuple of label values. It belongs to the
// payload, and is valid until the payload is changed.
type Entry struct {
	metric      *Metric
	key         string
	labelValues []string
	value       Number
	samples     []Number
	present     bool
	bound       bool
	next        *Entry
	// buffered is the capacity of samples that the payload's retention accounts for.
	buffered int
}

// LabelValues returns the label values, in the order of the metric's label names.
// The slice belongs to the payload and must not be changed.
func (e *Entry) LabelValues() []string { return e.labelValues }

// Value returns a counter's increment or a gauge's value.
func (e *Entry) Value() Number { return e.value }

// Samples returns a histogram's samples in the order in which they were
// recorded. The slice belongs to the payload and must not be changed.
func (e *Entry) Samples() []Number { return e.samples }

// Metrics yields the metrics in the order in which they came.
func (p *Payload) Metrics() iter.Seq[*Metric] { return slices.Values(p.present) }

// Connector returns the payload nested under a connector's name, which is vLLM's
// class name, and makes it where there is none yet. It belongs to p: resetting,
// taking or merging p does the same to it. What is not valid UTF-8 in the name is
// replaced by U+FFFD.
//
// Payloads nest one level deep, as a MultiConnector's do: called on a nested
// payload, Connector returns that payload itself.
func (p *Payload) Connector(name string) *Payload {
	child := p.connector(name)
	if !child.pinned {
		child.pinned = true
		child.parent.retained.connectors--
	}
	return child
}

func (p *Payload) connector(name string) *Payload {
	if p.parent != nil {
		return p
	}
	name = strings.ToValidUTF8(name, "\uFFFD")
	child := p.connectors[name]
	if child == nil {
		child = &Payload{parent: p, name: name}
		if p.connectors == nil {
			p.connectors = map[string]*Payload{}
		}
		p.connectors[name] = child
		p.retained.connectors++
	}
	return child
}

// Connectors yields the nested payloads in the order in which they came: those that
// hold something, and those that were decoded or merged, also if they are empty.
func (p *Payload) Connectors() iter.Seq2[string, *Payload] {
	return func(yield func(string, *Payload) bool) {
		for _, child := range p.shown {
			if child.isPresent && !yield(child.name, child) {
				return
			}
		}
	}
}

// SetInfo replaces the static facts that travel with the payload (vLLM's
// config_info, vLLM #56867: label name to value, one map for each series) by a
// copy of info. Nil maps are left out, and without any other the info is removed.
// An empty map stays: it says that there are no facts, rather than nothing about
// them. What is not valid UTF-8 is replaced by U+FFFD.
func (p *Payload) SetInfo(info ...map[string]string) {
	p.info = nil
	info = slices.DeleteFunc(slices.Clone(info), func(facts map[string]string) bool { return facts == nil })
	if len(info) > 0 {
		p.copyInfo(info)
	}
}

// copyInfo replaces the info, also by one without series.
func (p *Payload) copyInfo(info []map[string]string) {
	p.info = make([]map[string]string, 0, len(info))
	for _, facts := range info {
		valid := make(map[string]string, len(facts))
		for name, value := range facts {
			valid[strings.ToValidUTF8(name, "\uFFFD")] = strings.ToValidUTF8(value, "\uFFFD")
		}
		p.info = append(p.info, valid)
	}
	p.show()
}

// Info returns the static facts, one map for each series, and nil if there is no
// info. The maps belong to the payload and must not be changed.
func (p *Payload) Info() []map[string]string { return p.info }

// IsEmpty reports whether the payload, nested ones included, holds no metric and
// no info, and nothing was ignored. A decoded metric without entries counts as one,
// as it does in vLLM.
func (p *Payload) IsEmpty() bool {
	if len(p.present) > 0 || p.info != nil || p.ignored > 0 {
		return false
	}
	for _, child := range p.shown {
		if !child.IsEmpty() {
			return false
		}
	}
	return true
}

// Reset empties the payload. Bound handles stay valid, and so do nested payloads.
//
// The memory of metrics, entries and samples is kept for what is recorded or
// decoded next, so that a payload in a loop stops allocating. What is kept is
// bounded, for the payload and again for each of at most 64 nested ones: 8,192
// metrics and entries, 1 MiB of names and label values, 262,144 samples. A payload
// that goes over one of these gives everything back but entries that a handle is
// bound to.
func (p *Payload) Reset() {
	for _, m := range p.present {
		for _, e := range m.present {
			e.value = Number{}
			e.samples = e.samples[:0]
			e.present = false
			e.account()
		}
		clear(m.present)
		m.present = m.present[:0]
		m.shown = false
	}
	clear(p.present)
	p.present = p.present[:0]
	p.info, p.ignored, p.isPresent = nil, 0, false
	// A nested payload that shows nothing can have grown all the same, by what was
	// wrong with its entries.
	for _, child := range p.connectors {
		child.Reset()
		child.isShown = false
	}
	clear(p.shown)
	p.shown = p.shown[:0]
	if p.retained.overBound() {
		p.release()
	}
}

// show makes a nested payload appear in its parent.
func (p *Payload) show() {
	if p.parent != nil && !p.isPresent {
		p.isPresent = true
		p.list()
	}
}

// list puts a nested payload on its parent's list.
func (p *Payload) list() {
	if p.parent != nil && !p.isShown {
		p.isShown = true
		p.parent.shown = append(p.parent.shown, p)
	}
}

// show makes the metric appear in its payload.
func (m *Metric) show() {
	if !m.shown {
		m.shown = true
		m.payload.present = append(m.payload.present, m)
		m.payload.show()
	}
}

// show makes the entry appear in its metric.
func (e *Entry) show() {
	if !e.present {
		e.present = true
		e.metric.present = append(e.metric.present, e)
		e.metric.show()
	}
}
