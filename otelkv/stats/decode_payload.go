package stats

import (
	"fmt"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/internal/tuple"
)

// fields are the places of a payload's fields, zero where one is missing.
type fields struct {
	types, data, info, connectors mark
	// others counts the fields of other names.
	others int
	// done tells that the data has been decoded.
	done bool
	end  mark
}

// found tells a place from the zero mark, at which only a whole payload begins.
func (m mark) found() bool { return m.offset > 0 }

func (f fields) none() bool {
	return f.others == 0 && !f.types.found() && !f.data.found() && !f.info.found() && !f.connectors.found()
}

// fields passes over the map ahead, which may be a payload for p, and returns what
// it found. Whatever the order of the fields, the types come first: they are
// decoded where they stand, and so is the data that follows them. Everything else
// is left for later.
func (s *decoding) fields(p *Payload) fields {
	var f fields
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a field's name") {
			break
		}
		name := s.r.text()
		place := f.place(name)
		if place == nil {
			f.others++
			s.r.skip()
			continue
		}
		if place.found() {
			s.r.fail(fmt.Errorf("%w: field %s is there twice", ErrMalformed, quote(name)))
			break
		}
		*place = s.r.mark()
		switch {
		case place == &f.types:
			s.decodeMap(f.types, fieldTypes, p, (*decoding).types)
		case place == &f.data && f.types.found():
			s.decodeMap(f.data, fieldData, p, (*decoding).metrics)
			f.done = true
		default:
			s.r.skip()
		}
	}
	f.end = s.r.mark()
	return f
}

// place returns where the place of a field is kept, or nil for a name that means
// nothing.
func (f *fields) place(name []byte) *mark {
	switch string(name) {
	case fieldTypes:
		return &f.types
	case fieldData:
		return &f.data
	case fieldInfo:
		return &f.info
	case fieldConnectors:
		return &f.connectors
	}
	return nil
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
	f := s.fields(p)
	switch {
	case s.r.failure() != nil || f.none():
		return
	case f.data.found():
		s.body(p, f)
	case !f.types.found() && !f.info.found() && p.parent == nil:
		s.r.seek(start)
		s.connectors(p)
		if !s.anyConnector {
			s.r.fail(errNoPayload)
		}
	default:
		s.r.fail(errNoPayload)
	}
	s.seekEnd(f)
}

var errNoPayload = fmt.Errorf(
	`%w: expected a map with "types" and "data", or such maps under their connectors' names`, ErrMalformed)

// seekEnd goes to the end of a map whose fields have been decoded.
func (s *decoding) seekEnd(f fields) {
	if s.r.failure() == nil {
		s.r.seek(f.end)
	}
}

// body decodes what is left of a payload that has "data".
func (s *decoding) body(p *Payload, f fields) {
	if !f.done {
		s.decodeMap(f.data, fieldData, p, (*decoding).metrics)
	}
	if f.info.found() && s.r.failure() == nil {
		s.r.seek(f.info)
		s.info(p)
	}
	if f.connectors.found() && p.parent == nil {
		s.decodeMap(f.connectors, fieldConnectors, p, (*decoding).connectors)
	}
}

// decodeMap decodes a field that is a map. Null stands for an empty one, and
// anything else fails.
func (s *decoding) decodeMap(place mark, field string, p *Payload, decode func(*decoding, *Payload)) {
	if s.r.failure() != nil {
		return
	}
	s.r.seek(place)
	switch got := s.r.peek(); got {
	case shapeMap:
		decode(s, p)
	case shapeNull:
		s.r.skip()
	default:
		s.r.fail(fmt.Errorf("%w: field %q: expected a map, got %v", ErrMalformed, field, got))
	}
}

// connectors decodes a map of nested payloads.
func (s *decoding) connectors(p *Payload) {
	s.r.beginMap()
	for s.r.more() {
		if !s.expectName("a connector's name") || !count(s.r, &s.counts.connectors, s.limits.Connectors, "connectors") {
			return
		}
		text := s.r.text()
		if err := s.checkText(text); err != nil {
			s.errs.Add(&EntryError{Connector: s.clip(text), Err: fmt.Errorf("name: %w", err)})
			s.r.skip()
			continue
		}
		child := p.connector(string(text))
		if s.connector(child) {
			s.anyConnector = true
			continue
		}
		s.errs.Add(&EntryError{Connector: child.name, Err: fmt.Errorf(`%w: expected a map with "types" and "data"`, ErrMalformed)})
	}
}

// connector decodes the nested payload ahead, bare or under "data", and reports
// whether it is one.
func (s *decoding) connector(child *Payload) bool {
	got := s.r.peek()
	if got != shapeMap {
		s.r.skip()
		return got == shapeNull
	}
	f := s.fields(child)
	body := f
	if f.data.found() && !f.types.found() && s.r.failure() == nil {
		s.r.seek(f.data)
		switch s.r.peek() {
		case shapeNull:
			s.seekEnd(f)
			return true
		case shapeMap:
			body = s.fields(child)
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
	return tuple.Split(string(s.key))
}
