// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"iter"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// A Payload holds the stats of one interval: for each metric its kind, and a value for
// each tuple of label values. It is vLLM's KVConnectorStats, and what is built on that:
// OffloadingConnectorStats (vLLM #45957), SimpleCPUOffloadStats (vLLM #57251) and the
// stats of a MultiConnector.
//
// Metrics and entries appear in a payload when something is recorded to them, even a
// zero, and stay until the payload is reset or taken. They keep the order in which they
// appeared.
//
// The zero Payload is empty and ready to use. A Payload must not be copied, and is not
// safe for concurrent use. Different payloads are independent, but a payload and its
// nested payloads are not.
type Payload struct {
	noCopy noCopy

	metrics map[string]*Metric
	present []*Metric
	first   *Metric

	// info is nil if there is none. An empty info is not the same.
	info []map[string]string

	// ignored counts stats that another connector sent in place of a payload.
	ignored int64

	connectors map[string]*Payload
	shown      []*Payload

	// These are set in a nested payload: isShown tells that its parent's shown has it,
	// isPresent that it holds something or was decoded or merged, and pinned that
	// [Payload.Connector] returned it.
	parent    *Payload
	name      string
	isShown   bool
	isPresent bool
	pinned    bool

	key      []byte
	retained retained
	decoding *decoding
}

// noCopy makes go vet report copies, which would break the pointers from metrics to
// their payload.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A Metric is one metric of a payload. It belongs to the payload, and is valid until
// the payload changes.
type Metric struct {
	payload *Payload
	name    string
	kind    schema.Kind
	entries map[string]*Entry
	present []*Entry
	shown   bool
	next    *Metric
	first   *Entry
	// number is set when a handle is bound to the metric. The kind is fixed then.
	number schema.NumberKind
	// counts tells, of a histogram with a handle, that its unit counts things.
	counts bool
	// declared is the kind in the payload that is being decoded, if declaredIn is its
	// generation. misdeclared is what that payload has instead of a kind.
	declared    schema.Kind
	declaredIn  uint64
	misdeclared string
}

// Name returns the metric's name. In vLLM's payloads it is the Prometheus family name.
func (m *Metric) Name() string { return m.name }

// Kind returns the metric's kind.
func (m *Metric) Kind() schema.Kind { return m.kind }

// Entries yields the metric's entries in the order in which they appeared. A decoded
// metric may have none.
func (m *Metric) Entries() iter.Seq[*Entry] { return slices.Values(m.present) }

// An Entry is what was recorded for one tuple of label values. It belongs to the
// payload, and is valid until the payload changes.
type Entry struct {
	metric      *Metric
	key         string
	labelValues []string
	value       Number
	samples     []Number
	present     bool
	bound       bool
	next        *Entry
	// buffered is the part of the payload's retained samples that belongs to this entry.
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

// Metrics yields the metrics in the order in which they appeared.
func (p *Payload) Metrics() iter.Seq[*Metric] { return slices.Values(p.present) }

// Connector returns the payload nested under a connector's name, which is vLLM's class
// name, and creates it if there is none. It belongs to p: resetting, taking or merging
// p does the same to it. U+FFFD replaces bytes of the name that are not valid UTF-8.
//
// Payloads nest one level deep, as in a MultiConnector: on a nested payload, Connector
// returns that payload itself.
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

// Connectors yields the nested payloads in the order in which they appeared: those that
// hold something, and those that were decoded or merged, even if they are empty.
func (p *Payload) Connectors() iter.Seq2[string, *Payload] {
	return func(yield func(string, *Payload) bool) {
		for _, child := range p.shown {
			if child.isPresent && !yield(child.name, child) {
				return
			}
		}
	}
}

// SetInfo replaces the static facts of the payload by a copy of info (vLLM's
// config_info, vLLM #56867: label name to value, one map for each series). It skips nil
// maps, and removes the info if there are no others. An empty map stays: it is a series
// without facts. U+FFFD replaces bytes that are not valid UTF-8.
func (p *Payload) SetInfo(info ...map[string]string) {
	p.info = nil
	info = slices.DeleteFunc(slices.Clone(info), func(facts map[string]string) bool { return facts == nil })
	if len(info) > 0 {
		p.copyInfo(info)
	}
}

// copyInfo replaces the info, even by one without series.
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

// IsEmpty reports whether the payload and its nested payloads hold no metric and no
// info, and nothing was ignored. A decoded metric without entries counts as a metric,
// as in vLLM.
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
// The payload keeps the memory of metrics, entries and samples for what is recorded or
// decoded next, so a payload in a loop stops allocating. It keeps at most 8,192 metrics
// and entries, 1 MiB of names and label values, and 262,144 samples, and the same for
// each of at most 64 nested payloads. A payload over one of these bounds frees
// everything except entries with a bound handle.
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
	// A nested payload without present entries can have grown too, by bad entries.
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

// list adds a nested payload to its parent's shown.
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

// Bounds of the memory that an empty payload keeps.
const (
	maxRetainedEntries    = 8192
	maxRetainedText       = 1 << 20
	maxRetainedSamples    = 1 << 18
	maxRetainedConnectors = 64
	// maxRetainedScratch bounds each scratch buffer of a decoder, in bytes.
	maxRetainedScratch = 64 << 10
)

// retained counts what a payload would keep when it is reset. It does not count metrics
// and entries with a bound handle: the program decides how many there are, not its
// peers.
type retained struct {
	// entries counts entries and metrics.
	entries int
	// text counts bytes of names and label values.
	text int
	// samples counts the capacity of sample buffers.
	samples int
	// connectors counts nested payloads that [Payload.Connector] has not returned.
	connectors int
}

func (r retained) overBound() bool {
	return r.entries > maxRetainedEntries || r.text > maxRetainedText ||
		r.samples > maxRetainedSamples || r.connectors > maxRetainedConnectors
}

// account updates the payload's count of samples after the entry's buffer changed.
func (e *Entry) account() {
	e.metric.payload.retained.samples += cap(e.samples) - e.buffered
	e.buffered = cap(e.samples)
}

// release frees everything except entries with a bound handle and nested payloads that
// [Payload.Connector] has returned. The payload is empty.
func (p *Payload) release() {
	metrics := map[string]*Metric{}
	for name, m := range p.metrics {
		if m.number == 0 {
			continue
		}
		entries := map[string]*Entry{}
		for key, e := range m.entries {
			if e.bound {
				e.samples, e.buffered, e.next = nil, 0, nil
				entries[key] = e
			}
		}
		m.entries, m.present, m.first, m.next = entries, nil, nil, nil
		metrics[name] = m
	}
	connectors := map[string]*Payload{}
	for name, child := range p.connectors {
		if child.pinned {
			connectors[name] = child
		}
	}
	p.metrics, p.present, p.first = metrics, nil, nil
	p.connectors, p.shown = connectors, nil
	p.retained = retained{}
	p.key = nil
}
