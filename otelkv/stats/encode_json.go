// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"slices"
	"unicode/utf8"

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
	if p.isNestedOnly() {
		return p.appendJSONConnectors(dst)
	}
	dst = append(dst, `{"types":{`...)
	for i, m := range p.present {
		dst = appendJSONKey(dst, i, m.name)
		dst = appendJSONString(dst, m.kind.String())
	}
	dst = append(dst, `},"data":{`...)
	for i, m := range p.present {
		dst = appendJSONKey(dst, i, m.name)
		dst = m.appendJSONEntries(dst)
	}
	dst = append(dst, '}')
	if p.info != nil {
		dst = append(dst, `,"info":[`...)
		for i, facts := range p.info {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONFacts(dst, facts)
		}
		dst = append(dst, ']')
	}
	if p.countConnectors() > 0 {
		dst = append(dst, `,"connectors":`...)
		dst = p.appendJSONConnectors(dst)
	}
	return append(dst, '}')
}

func appendJSONFacts(dst []byte, facts map[string]string) []byte {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(facts)) {
		dst = appendJSONKey(dst, i, name)
		dst = appendJSONString(dst, facts[name])
	}
	return append(dst, '}')
}

// MarshalJSON returns what [Payload.AppendJSON] appends.
func (p *Payload) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

func (p *Payload) appendJSONConnectors(dst []byte) []byte {
	dst = append(dst, '{')
	i := 0
	for name, child := range p.Connectors() {
		dst = appendJSONKey(dst, i, name)
		dst = append(dst, `{"data":`...)
		dst = child.AppendJSON(dst)
		dst = append(dst, '}')
		i++
	}
	return append(dst, '}')
}

func (m *Metric) appendJSONEntries(dst []byte) []byte {
	dst = append(dst, '[')
	for i, e := range m.present {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"labels":[`...)
		for j, v := range e.labelValues {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, v)
		}
		dst = append(dst, `],"value":`...)
		if m.kind == schema.KindHistogram {
			dst = appendJSONNumbers(dst, e.samples)
		} else {
			dst = appendJSONNumber(dst, e.value)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendJSONKey appends the key of the i-th field of an object.
func appendJSONKey(dst []byte, i int, key string) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = appendJSONString(dst, key)
	return append(dst, ':')
}

func appendJSONNumbers(dst []byte, numbers []Number) []byte {
	dst = append(dst, '[')
	for i, n := range numbers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONNumber(dst, n)
	}
	return append(dst, ']')
}

func appendJSONNumber(dst []byte, n Number) []byte {
	if !n.finite() {
		return append(dst, "null"...)
	}
	return n.appendText(dst)
}

// appendJSONString escapes what JSON requires, and the two line separators that
// JavaScript and log readers treat as line ends.
func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r < 0x20 || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, `\u202`...)
			dst = append(dst, hex[r&0xf])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
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
