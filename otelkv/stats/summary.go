// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"iter"
	"log/slog"

	"github.com/otelkv/otelkv-go/schema"
)

// A Summary is a payload reduced to one number for each key, in the payload's order. It
// shares no memory with the payload. It never changes, so it is safe for concurrent use.
type Summary struct {
	entries    []summaryEntry
	index      map[string]int
	connectors []nestedSummary
}

type summaryEntry struct {
	key   string
	value Number
}

type nestedSummary struct {
	name    string
	summary Summary
}

// set adds an entry, or replaces the one with the same key in its place, as a Python
// dict does.
func (s *Summary) set(entry summaryEntry) {
	if i, ok := s.index[entry.key]; ok {
		s.entries[i] = entry
		return
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[entry.key] = len(s.entries)
	s.entries = append(s.entries, entry)
}

// Len returns the number of keys, not counting those of nested summaries.
func (s Summary) Len() int { return len(s.entries) }

// Get returns the number under a key, and whether there is one. It does not search
// nested summaries.
func (s Summary) Get(key string) (Number, bool) {
	i, ok := s.index[key]
	if !ok {
		return Number{}, false
	}
	return s.entries[i].value, true
}

// All yields the keys and numbers in order, without those of nested summaries.
func (s Summary) All() iter.Seq2[string, Number] {
	return func(yield func(string, Number) bool) {
		for _, e := range s.entries {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Connectors yields the names of the connectors and their summaries, in order.
func (s Summary) Connectors() iter.Seq2[string, Summary] {
	return func(yield func(string, Summary) bool) {
		for _, c := range s.connectors {
			if !yield(c.name, c.summary) {
				return
			}
		}
	}
}

// String returns the summary as in vLLM's log line: "k=v, k=v", with a nested summary as
// a Python dict. Characters that are not printable are escaped.
func (s Summary) String() string {
	var text []byte
	for _, e := range s.entries {
		text = appendPrintable(appendSeparator(text), e.key)
		text = append(text, '=')
		text = e.value.appendText(text)
	}
	for _, c := range s.connectors {
		text = appendPrintable(appendSeparator(text), c.name)
		text = append(text, '=')
		text = c.summary.appendPythonDict(text)
	}
	return string(text)
}

func appendSeparator(text []byte) []byte {
	if len(text) == 0 {
		return text
	}
	return append(text, ", "...)
}

func (s Summary) appendPythonDict(dst []byte) []byte {
	dst = append(dst, '{')
	for i, e := range s.entries {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendPythonString(dst, e.key)
		dst = append(dst, ": "...)
		dst = e.value.appendText(dst)
	}
	return append(dst, '}')
}

// MarshalJSON returns one object, in order. Nested summaries are objects inside it,
// under their connectors' names. A float64 has a point or an exponent, an int64 has
// neither. NaN and infinities, which JSON cannot express, become null.
func (s Summary) MarshalJSON() ([]byte, error) { return s.appendJSON(nil), nil }

func (s Summary) appendJSON(dst []byte) []byte {
	var f jsonFormat
	dst = f.beginMap(dst, 0)
	for _, e := range s.entries {
		dst = f.number(f.key(dst, e.key), e.value)
	}
	for _, c := range s.connectors {
		dst = c.summary.appendJSON(f.key(dst, c.name))
	}
	return f.endMap(dst)
}

// simpleInfo is the name of the info metric of vLLM's simple CPU connector.
const simpleInfo = "vllm:simple_kv_offload_info"

// Reduce returns the payload as a flat summary, in the payload's order. The keys are
// those of vLLM's logger (its reduce, vLLM #45957): the metric's name, and for an entry
// with labels also ":" and Python's form of the tuple, as in my_counter:('a',). A counter
// or gauge has one key for its value. A histogram has <key>_count and <key>_sum.
//
// Samples are added from left to right. The sum is an int64 until a sample is a float64,
// or the sum overflows. A nested payload, even an empty one, becomes a nested summary
// under its connector's name. Static facts are left out: the payload's info, and
// vllm:simple_kv_offload_info of the simple CPU connector (vLLM #57251).
func (p *Payload) Reduce() Summary {
	var s Summary
	for _, m := range p.present {
		if m.name == simpleInfo {
			continue
		}
		for _, e := range m.present {
			key := m.name
			if len(e.labelValues) > 0 {
				key += ":" + pythonTuple(e.labelValues)
			}
			if m.kind != schema.KindHistogram {
				s.set(summaryEntry{key, e.value})
				continue
			}
			s.set(summaryEntry{key + "_count", Int64(int64(len(e.samples)))})
			s.set(summaryEntry{key + "_sum", sum(e.samples)})
		}
	}
	for name, child := range p.Connectors() {
		s.connectors = append(s.connectors, nestedSummary{name, child.Reduce()})
	}
	return s
}

func sum(samples []Number) Number {
	var total Number
	for _, sample := range samples {
		next, ok := total.plus(sample)
		if !ok {
			next = Float64(total.Float64() + sample.Float64())
		}
		total = next
	}
	return total
}

// LogValue returns the summary as a group, in order: an int64 or float64 attribute for
// each key, and a group for each nested summary. It makes a Summary a slog attribute:
//
//	logger.Info("KV Transfer metrics", "stats", payload.Reduce())
//
// With an empty key, the attributes are those of the message itself. An empty summary
// is an empty group, which handlers leave out.
func (s Summary) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, len(s.entries)+len(s.connectors))
	for _, e := range s.entries {
		attrs = append(attrs, slog.Attr{Key: e.key, Value: e.value.LogValue()})
	}
	for _, c := range s.connectors {
		attrs = append(attrs, slog.Attr{Key: c.name, Value: c.summary.LogValue()})
	}
	return slog.GroupValue(attrs...)
}

// LogValue returns n as an int64 or float64 value of package slog.
func (n Number) LogValue() slog.Value {
	if v, ok := n.Int64(); ok && n.IsInt64() {
		return slog.Int64Value(v)
	}
	return slog.Float64Value(n.Float64())
}
