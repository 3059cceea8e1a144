// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"slices"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/schema"
)

// AppendMessagePack appends the payload in the form that vLLM sends between processes
// and [Decoder.MessagePack] describes. The bytes are those of msgspec: integers in their
// shortest form, floats as float64. Without info there is no field "info"; vLLM since
// #56867 sends null.
func (p *Payload) AppendMessagePack(dst []byte) []byte {
	if p.isNestedOnly() {
		return p.appendMessagePackConnectors(dst)
	}
	size := uint32(2)
	if p.info != nil {
		size++
	}
	if p.countConnectors() > 0 {
		size++
	}
	dst = msgp.AppendMapHeader(dst, size)
	dst = msgp.AppendString(dst, fieldTypes)
	dst = msgp.AppendMapHeader(dst, uint32(len(p.present)))
	for _, m := range p.present {
		dst = msgp.AppendString(dst, m.name)
		dst = msgp.AppendString(dst, m.kind.String())
	}
	dst = msgp.AppendString(dst, fieldData)
	dst = msgp.AppendMapHeader(dst, uint32(len(p.present)))
	for _, m := range p.present {
		dst = msgp.AppendString(dst, m.name)
		dst = m.appendMessagePackEntries(dst)
	}
	if p.info != nil {
		dst = msgp.AppendString(dst, fieldInfo)
		dst = msgp.AppendArrayHeader(dst, uint32(len(p.info)))
		for _, facts := range p.info {
			dst = msgp.AppendMapHeader(dst, uint32(len(facts)))
			for _, name := range slices.Sorted(maps.Keys(facts)) {
				dst = msgp.AppendString(dst, name)
				dst = msgp.AppendString(dst, facts[name])
			}
		}
	}
	if p.countConnectors() > 0 {
		dst = msgp.AppendString(dst, fieldConnectors)
		dst = p.appendMessagePackConnectors(dst)
	}
	return dst
}

func (p *Payload) appendMessagePackConnectors(dst []byte) []byte {
	dst = msgp.AppendMapHeader(dst, uint32(p.countConnectors()))
	for name, child := range p.Connectors() {
		dst = msgp.AppendString(dst, name)
		dst = msgp.AppendMapHeader(dst, 1)
		dst = msgp.AppendString(dst, fieldData)
		dst = child.AppendMessagePack(dst)
	}
	return dst
}

func (m *Metric) appendMessagePackEntries(dst []byte) []byte {
	dst = msgp.AppendMapHeader(dst, uint32(len(m.present)))
	for _, e := range m.present {
		dst = msgp.AppendArrayHeader(dst, uint32(len(e.labelValues)))
		for _, v := range e.labelValues {
			dst = msgp.AppendString(dst, v)
		}
		if m.kind != schema.KindHistogram {
			dst = appendMessagePackNumber(dst, e.value)
			continue
		}
		dst = msgp.AppendArrayHeader(dst, uint32(len(e.samples)))
		for _, sample := range e.samples {
			dst = appendMessagePackNumber(dst, sample)
		}
	}
	return dst
}

// appendMessagePackNumber uses the unsigned forms for numbers that are not negative, as
// msgspec does.
func appendMessagePackNumber(dst []byte, n Number) []byte {
	switch {
	case n.float:
		return msgp.AppendFloat64(dst, n.Float64())
	case int64(n.bits) >= 0:
		return msgp.AppendUint64(dst, n.bits)
	default:
		return msgp.AppendInt64(dst, int64(n.bits))
	}
}
