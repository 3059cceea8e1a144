// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/schema"
)

// Names of the fields of an encoded payload.
const (
	fieldTypes      = "types"
	fieldData       = "data"
	fieldInfo       = "info"
	fieldConnectors = "connectors"
	fieldScheduler  = "kv_connector_stats" // of a SchedulerStats
	fieldLabels     = "labels"
	fieldValue      = "value"
)

// AppendJSON appends the payload as one JSON object, in the form that [Decoder.JSON]
// describes. NaN and infinities, which JSON cannot express, become null. A decoder
// leaves such an entry out and reports it.
func (p *Payload) AppendJSON(dst []byte) []byte {
	// The encoding starts empty, so no comma comes between it and the caller's bytes.
	return append(dst, p.append(dst[len(dst):], jsonFormat{})...)
}

// MarshalJSON returns what [Payload.AppendJSON] appends.
func (p *Payload) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// AppendMessagePack appends the payload in the form that vLLM sends between processes
// and [Decoder.MessagePack] describes. The bytes are those of msgspec: integers in their
// shortest form, floats as float64. Without info there is no field "info"; vLLM since
// #56867 sends null.
func (p *Payload) AppendMessagePack(dst []byte) []byte { return p.append(dst, messagePackFormat{}) }

// A format appends the values of a payload. A key comes before each value of a map.
type format interface {
	beginMap(dst []byte, size int) []byte
	endMap(dst []byte) []byte
	beginList(dst []byte, size int) []byte
	endList(dst []byte) []byte
	key(dst []byte, name string) []byte
	text(dst []byte, s string) []byte
	number(dst []byte, n Number) []byte
	// hasListKeys reports whether label values can be the keys of a map.
	hasListKeys() bool
}

func (p *Payload) append(dst []byte, f format) []byte {
	if p.isNestedOnly() {
		return p.appendConnectors(dst, f)
	}
	size := 2
	if p.info != nil {
		size++
	}
	if p.countConnectors() > 0 {
		size++
	}
	dst = f.key(f.beginMap(dst, size), fieldTypes)
	dst = f.beginMap(dst, len(p.present))
	for _, m := range p.present {
		dst = f.text(f.key(dst, m.name), m.kind.String())
	}
	dst = f.key(f.endMap(dst), fieldData)
	dst = f.beginMap(dst, len(p.present))
	for _, m := range p.present {
		dst = m.appendEntries(f.key(dst, m.name), f)
	}
	dst = f.endMap(dst)
	if p.info != nil {
		dst = f.beginList(f.key(dst, fieldInfo), len(p.info))
		for _, facts := range p.info {
			dst = f.beginMap(dst, len(facts))
			for _, name := range slices.Sorted(maps.Keys(facts)) {
				dst = f.text(f.key(dst, name), facts[name])
			}
			dst = f.endMap(dst)
		}
		dst = f.endList(dst)
	}
	if p.countConnectors() > 0 {
		dst = p.appendConnectors(f.key(dst, fieldConnectors), f)
	}
	return f.endMap(dst)
}

func (p *Payload) appendConnectors(dst []byte, f format) []byte {
	dst = f.beginMap(dst, p.countConnectors())
	for name, child := range p.Connectors() {
		dst = f.key(f.beginMap(f.key(dst, name), 1), fieldData)
		dst = f.endMap(child.append(dst, f))
	}
	return f.endMap(dst)
}

// appendEntries appends a map from label values to values, or a list of objects if the
// format has no such map.
func (m *Metric) appendEntries(dst []byte, f format) []byte {
	objects := !f.hasListKeys()
	if objects {
		dst = f.beginList(dst, len(m.present))
	} else {
		dst = f.beginMap(dst, len(m.present))
	}
	for _, e := range m.present {
		if objects {
			dst = f.key(f.beginMap(dst, 2), fieldLabels)
		}
		dst = f.beginList(dst, len(e.labelValues))
		for _, v := range e.labelValues {
			dst = f.text(dst, v)
		}
		dst = f.endList(dst)
		if objects {
			dst = f.key(dst, fieldValue)
		}
		dst = e.appendValue(dst, f)
		if objects {
			dst = f.endMap(dst)
		}
	}
	if objects {
		return f.endList(dst)
	}
	return f.endMap(dst)
}

func (e *Entry) appendValue(dst []byte, f format) []byte {
	if e.metric.kind != schema.KindHistogram {
		return f.number(dst, e.value)
	}
	dst = f.beginList(dst, len(e.samples))
	for _, sample := range e.samples {
		dst = f.number(dst, sample)
	}
	return f.endList(dst)
}

// countConnectors returns the number of nested payloads.
func (p *Payload) countConnectors() (n int) {
	for range p.Connectors() {
		n++
	}
	return n
}

// isNestedOnly reports whether the payload is encoded as a MultiConnector's map: it has
// nested payloads and nothing else. It is not if a connector has the name of a field.
func (p *Payload) isNestedOnly() bool {
	if len(p.present) > 0 || p.info != nil || p.countConnectors() == 0 {
		return false
	}
	for name := range p.Connectors() {
		switch name {
		case fieldTypes, fieldData, fieldInfo, fieldConnectors, fieldScheduler:
			return false
		}
	}
	return true
}

type jsonFormat struct{}

func (jsonFormat) beginMap(dst []byte, _ int) []byte  { return append(separate(dst), '{') }
func (jsonFormat) endMap(dst []byte) []byte           { return append(dst, '}') }
func (jsonFormat) beginList(dst []byte, _ int) []byte { return append(separate(dst), '[') }
func (jsonFormat) endList(dst []byte) []byte          { return append(dst, ']') }
func (jsonFormat) hasListKeys() bool                  { return false }

func (f jsonFormat) key(dst []byte, name string) []byte { return append(f.text(dst, name), ':') }

func (jsonFormat) text(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(separate(dst), s) // there is an error only for invalid UTF-8, which it replaces
	return dst
}

func (jsonFormat) number(dst []byte, n Number) []byte {
	if !n.finite() {
		return append(separate(dst), "null"...)
	}
	return n.appendText(separate(dst))
}

// separate appends a comma, unless the next value is the first of a map or list, or has a
// key.
func separate(dst []byte) []byte {
	if len(dst) == 0 {
		return dst
	}
	switch dst[len(dst)-1] {
	case '{', '[', ':':
		return dst
	}
	return append(dst, ',')
}

type messagePackFormat struct{}

func (messagePackFormat) beginMap(dst []byte, size int) []byte {
	return msgp.AppendMapHeader(dst, uint32(size))
}

func (messagePackFormat) beginList(dst []byte, size int) []byte {
	return msgp.AppendArrayHeader(dst, uint32(size))
}

func (messagePackFormat) endMap(dst []byte) []byte           { return dst }
func (messagePackFormat) endList(dst []byte) []byte          { return dst }
func (messagePackFormat) key(dst []byte, name string) []byte { return msgp.AppendString(dst, name) }
func (messagePackFormat) text(dst []byte, s string) []byte   { return msgp.AppendString(dst, s) }
func (messagePackFormat) hasListKeys() bool                  { return true }

// number uses the unsigned forms for numbers that are not negative, as msgspec does.
func (messagePackFormat) number(dst []byte, n Number) []byte {
	switch {
	case n.float:
		return msgp.AppendFloat64(dst, n.Float64())
	case int64(n.bits) >= 0:
		return msgp.AppendUint64(dst, n.bits)
	default:
		return msgp.AppendInt64(dst, int64(n.bits))
	}
}
