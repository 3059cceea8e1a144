// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

// info decodes the static facts ahead: a list of maps, one for each series, or a
// single map. Values become text as Python's str() formats them.
func (s *decoding) info(p *Payload) {
	switch got := s.r.peek(); got {
	case shapeNull:
		s.r.skip()
		return
	case shapeMap:
		p.info = append(make([]map[string]string, 0, 1), s.facts(p))
	case shapeArray:
		p.info = s.factList(p)
	default:
		s.r.skip()
		s.reportInfo(p, fmt.Errorf("%w: expected a list of maps, got %v", ErrMalformed, got))
		return
	}
	p.show()
}

func (s *decoding) factList(p *Payload) []map[string]string {
	list := []map[string]string{}
	n := 0
	s.r.beginArray()
	for s.r.more() {
		if !s.r.count(&n, s.limits.Info, "series in info") {
			break
		}
		if got := s.r.peek(); got != shapeMap {
			s.r.skip()
			s.reportInfo(p, fmt.Errorf("%w: expected a map, got %v", ErrMalformed, got))
			continue
		}
		list = append(list, s.facts(p))
	}
	return list
}

// facts returns the map ahead, without what is wrong in it.
func (s *decoding) facts(p *Payload) map[string]string {
	facts := map[string]string{}
	n := 0
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a label name") || !s.r.count(&n, s.limits.Info, "facts in info") {
			break
		}
		text := s.r.text()
		if err := s.checkText(text); err != nil {
			s.reportInfo(p, fmt.Errorf("label %s: %w", quote(text), err))
			s.r.skip()
			continue
		}
		name := string(text)
		value, err := s.fact()
		if err != nil {
			s.reportInfo(p, fmt.Errorf("label %s: %w", quote(name), err))
			continue
		}
		facts[name] = value
	}
	return facts
}

func (s *decoding) reportInfo(p *Payload, err error) {
	s.errs.Add(&EntryError{Connector: p.name, Err: fmt.Errorf("info: %w", err)})
}

// fact returns the value ahead as text.
func (s *decoding) fact() (string, error) {
	switch got := s.r.peek(); got {
	case shapeString:
		text := s.r.text()
		return string(text), s.checkText(text)
	case shapeNumber:
		n, ok := s.r.number()
		if !ok {
			return "", errBeyond
		}
		return n.String(), nil
	case shapeBool:
		if s.r.boolean() {
			return "True", nil
		}
		return "False", nil
	case shapeNull:
		s.r.skip()
		return "None", nil
	default:
		s.r.skip()
		return "", fmt.Errorf("%w: expected a string, got %v", ErrLabelValues, got)
	}
}
