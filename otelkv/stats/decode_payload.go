package stats

import (
	"fmt"
	"unicode/utf8"
)

// fields are the places of a payload's fields, zero where one is missing.
type fields struct {
	types, data, info, connectors mark
	// others counts the fields of other names.
	others int
	end    mark
}

// found tells a place from the zero mark, at which only a whole payload begins.
func (m mark) found() bool { return m.offset > 0 }

func (f fields) none() bool {
	return f.others == 0 && !f.types.found() && !f.data.found() && !f.info.found() && !f.connectors.found()
}

// fields passes over the map ahead and returns what it found. Going back to the
// fields in the order that decoding needs makes it independent of theirs.
func (s *decoding) fields() fields {
	var f fields
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a field's name") {
			break
		}
		var place *mark
		name := s.r.text()
		switch string(name) {
		case fieldTypes:
			place = &f.types
		case fieldData:
			place = &f.data
		case fieldInfo:
			place = &f.info
		case fieldConnectors:
			place = &f.connectors
		default:
			f.others++
			s.r.skip()
			continue
		}
		if place.found() {
			s.r.fail(fmt.Errorf("%w: field %s is there twice", ErrMalformed, quote(name)))
			break
		}
		*place = s.r.mark()
		s.r.skip()
	}
	f.end = s.r.mark()
	return f
}

// expectName fails the reader unless a string is ahead.
func (s *decoding) expectName(what string) bool {
	got := s.r.peek()
	if got == shapeString {
		return true
	}
	s.r.fail(fmt.Errorf("%w: expected %s, got %v", ErrMalformed, what, got))
	return false
}

// payload decodes the whole input.
func (s *decoding) payload(p *Payload) {
	switch got := s.r.peek(); got {
	case shapeNull:
		s.r.skip()
		return
	case shapeMap:
	default:
		s.r.fail(fmt.Errorf("%w: expected a payload, which is a map, or null, got %v", ErrMalformed, got))
		return
	}
	start := s.r.mark()
	f := s.fields()
	switch {
	case s.r.failure() != nil || f.none():
		return
	case f.data.found():
		s.body(p, f)
	case f.types.found() || f.info.found() || p.parent != nil || !s.nestedOnly(p, start):
		s.r.fail(fmt.Errorf(`%w: expected a map with "types" and "data", or such maps under their connectors' names`, ErrMalformed))
	}
	s.seekEnd(f)
}

// seekEnd goes to the end of a map whose fields have been decoded.
func (s *decoding) seekEnd(f fields) {
	if s.r.failure() == nil {
		s.r.seek(f.end)
	}
}

// nestedOnly decodes the map at start as a MultiConnector's, and reports whether
// it is one.
func (s *decoding) nestedOnly(p *Payload, start mark) bool {
	s.r.seek(start)
	return s.connectors(p) || s.r.failure() != nil
}

// body decodes the fields of a payload that has "data".
func (s *decoding) body(p *Payload, f fields) {
	if f.types.found() && s.seekMap(f.types, fieldTypes) {
		s.types(p)
	}
	if s.seekMap(f.data, fieldData) {
		s.metrics(p)
	}
	if f.info.found() && s.r.failure() == nil {
		s.r.seek(f.info)
		s.info(p)
	}
	if f.connectors.found() && p.parent == nil && s.seekMap(f.connectors, fieldConnectors) {
		s.connectors(p)
	}
}

// seekMap goes to a field, and reports whether a map is there. Null stands for an
// empty one, and anything else fails.
func (s *decoding) seekMap(place mark, field string) bool {
	if s.r.failure() != nil {
		return false
	}
	s.r.seek(place)
	got := s.r.peek()
	if got != shapeMap && got != shapeNull {
		s.r.fail(fmt.Errorf("%w: field %q: expected a map, got %v", ErrMalformed, field, got))
	}
	return got == shapeMap
}

// connectors decodes a map of nested payloads, and reports whether one of them at
// least was a payload.
func (s *decoding) connectors(p *Payload) (found bool) {
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a connector's name") || !count(s.r, &s.counts.connectors, s.limits.Connectors, "connectors") {
			break
		}
		text := s.r.text()
		if err := s.checkText(text); err != nil {
			s.errs.add(&EntryError{Connector: s.clip(text), Err: fmt.Errorf("name: %w", err)})
			s.r.skip()
			continue
		}
		child := p.connector(string(text))
		if s.connector(child) {
			found = true
			continue
		}
		s.errs.add(&EntryError{Connector: child.name, Err: fmt.Errorf(`%w: expected a map with "types" and "data"`, ErrMalformed)})
	}
	return found
}

// connector decodes the nested payload ahead, bare or under "data", and reports
// whether it is one.
func (s *decoding) connector(child *Payload) bool {
	got := s.r.peek()
	if got != shapeMap {
		s.r.skip()
		return got == shapeNull
	}
	f := s.fields()
	body := f
	if f.data.found() && !f.types.found() && s.r.failure() == nil {
		s.r.seek(f.data)
		switch s.r.peek() {
		case shapeNull:
			s.seekEnd(f)
			return true
		case shapeMap:
			body = s.fields()
		default:
			body = fields{others: 1}
		}
	}
	isPayload := body.data.found() || body.none()
	if body.data.found() {
		s.body(child, body)
	}
	s.seekEnd(f)
	return isPayload
}

// info decodes the static facts ahead, values as Python's str() has them.
func (s *decoding) info(p *Payload) {
	got := s.r.peek()
	if got != shapeMap {
		s.r.skip()
		if got != shapeNull {
			s.reportInfo(p, fmt.Errorf("%w: expected a map, got %v", ErrMalformed, got))
		}
		return
	}
	facts := map[string]string{}
	n := 0
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a label name") || !count(s.r, &n, s.limits.Info, "facts in info") {
			return
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
	p.info = facts
	p.show()
}

func (s *decoding) reportInfo(p *Payload, err error) {
	s.errs.add(&EntryError{Connector: p.name, Err: fmt.Errorf("info: %w", err)})
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
			return "", fmt.Errorf("%w: beyond its type", ErrNumber)
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

// checkText says what is wrong with a name or a label value.
func (s *decoding) checkText(text []byte) error {
	if len(text) > s.limits.LabelLength {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(text), s.limits.LabelLength)
	}
	if !utf8.Valid(text) {
		return ErrUTF8
	}
	return nil
}

// clip returns a foreign text as a string for an error, no longer than a valid
// one.
func (s *decoding) clip(text []byte) string {
	return string(text[:min(len(text), s.limits.LabelLength)])
}

// labels returns what the key holds, for an error.
func (s *decoding) labels() []string {
	return splitLabelValues(string(s.key))
}
