// SPDX-License-Identifier: Apache-2.0

package stats

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
