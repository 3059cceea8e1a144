// SPDX-License-Identifier: Apache-2.0

package stats

import "iter"

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
func (s Summary) MarshalJSON() ([]byte, error) {
	dst := []byte{'{'}
	for i, e := range s.entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, e.key)
		dst = append(dst, ':')
		dst = appendJSONNumber(dst, e.value)
	}
	for i, c := range s.connectors {
		if i > 0 || len(s.entries) > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, c.name)
		dst = append(dst, ':')
		nested, err := c.summary.MarshalJSON()
		if err != nil {
			return nil, err
		}
		dst = append(dst, nested...)
	}
	return append(dst, '}'), nil
}
