// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/otelkv/otelkv-go/schema"

// Take returns what the payload holds as a payload of its own, and empties p
// (reset on read, vLLM's rule for everything that produces stats). It returns nil
// when p is empty. Handles bound to p stay valid and go on filling p.
func (p *Payload) Take() *Payload {
	if p.IsEmpty() {
		p.Reset()
		return nil
	}
	taken := new(Payload)
	p.TakeInto(taken)
	return taken
}

// TakeInto is [Payload.Take] into a payload that is there already: dst is reset,
// then gets what p holds. It reports whether there was anything. Two payloads
// that take turns need no memory once they have seen the same entries: samples
// change hands without being copied.
//
// A metric of dst that has another kind there and a bound handle is replaced, and
// the handle detached. Taking a payload into itself does nothing. Where p has
// nested payloads, dst must not be one.
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
	// Also a payload that shows nothing can have grown, by what was wrong.
	p.Reset()
	return taken
}

// moveTo moves p's own metrics and info to dst, which is empty. It leaves p to be
// reset.
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

// metricFor returns the metric of p, which is empty, that stands for one of
// another payload.
func (p *Payload) metricFor(from *Metric) *Metric {
	if m, err := p.metric(from.name, from.kind); err == nil {
		return m
	}
	// What the detached handles still record goes to a payload that nobody reads.
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
