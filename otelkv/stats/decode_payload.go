// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/internal/tuple"
)

// payload decodes the whole input.
func (s *decoding) payload(p *Payload) {
	switch got := s.r.peek(); {
	case got == shapeNull:
		s.r.skip()
	case got == shapeMap:
		s.stats(p, true)
	case got == shapeArray && s.engineCoreOutputs:
		s.outputs(p)
	default:
		s.r.fail(fmt.Errorf("%w: expected a payload, which is a map, or null, got %v", ErrMalformed, got))
	}
}

// stats decodes the map ahead, whichever of the forms that [Decoder] lists it has.
// A SchedulerStats is only looked for in the outermost map.
func (s *decoding) stats(p *Payload, outermost bool) {
	start := s.r.mark()
	f := s.fields(p, true)
	switch {
	case s.r.failure != nil || !f.any:
		return
	case f.isPayload():
		if at, err := f.misfit(); err != nil {
			s.r.seek(at)
			s.r.fail(err)
			return
		}
		s.body(p, &f)
	case f.scheduler.isSet() && outermost:
		s.r.seek(f.scheduler.mark)
		s.connectorStats(p)
	case p.parent == nil && s.candidates.areConnectors():
		s.r.seek(start)
		s.connectors(p)
	default:
		p.ignore("", 1)
	}
	s.seekEnd(&f)
}

// outputs decodes the EngineCoreOutputs ahead, whose third item is a
// SchedulerStats, or null. Items at the end may be missing.
func (s *decoding) outputs(p *Payload) {
	s.r.beginArray()
	for i := 0; s.r.more(); i++ {
		if i == 2 {
			s.schedulerStats(p)
		} else {
			s.r.skip()
		}
	}
}

// schedulerStats decodes the SchedulerStats ahead.
func (s *decoding) schedulerStats(p *Payload) {
	got := s.r.peek()
	if got != shapeMap {
		s.expectMap("the scheduler's stats", got)
		return
	}
	found := false
	s.r.beginMap()
	for s.r.more() {
		switch {
		case string(s.r.key()) != fieldScheduler:
			s.r.skip()
		case found:
			s.r.fail(fmt.Errorf("%w: field %q is there twice", ErrMalformed, fieldScheduler))
		default:
			found = true
			s.connectorStats(p)
		}
	}
}

// connectorStats decodes the value ahead, which is a SchedulerStats'
// kv_connector_stats.
func (s *decoding) connectorStats(p *Payload) {
	if got := s.r.peek(); got != shapeMap {
		s.expectMap(fmt.Sprintf("field %q", fieldScheduler), got)
		return
	}
	s.stats(p, false)
}

// expectMap passes over null, and fails for any other shape that is no map.
func (s *decoding) expectMap(what string, got shape) {
	if got == shapeNull {
		s.r.skip()
		return
	}
	s.r.fail(fmt.Errorf("%w: %s: expected a map, got %v", ErrMalformed, what, got))
}

// A field is where the value of a payload's field stands, and its shape.
type field struct {
	mark
	shape shape
}

// fits reports whether the field has the shape that "types" and "data" have in a
// payload. Null stands for an empty map.
func (f field) fits() bool { return f.shape == shapeMap || f.shape == shapeNull }

// fields are those of a map that may be a payload.
type fields struct {
	types, data, info, connectors, scheduler field
	// any tells that the map is not empty, and done that the data has been decoded.
	any, done bool
	end       mark
}

// isPayload reports whether the map is a payload, good or bad: its types or its
// data fit.
func (f *fields) isPayload() bool { return f.types.fits() || f.data.fits() }

// misfit says what is wrong with the form of a map that is a payload, and where.
func (f *fields) misfit() (at mark, err error) {
	switch {
	case f.types.isSet() && !f.types.fits():
		return f.types.mark, fmt.Errorf("%w: field %q: expected a map, got %v", ErrMalformed, fieldTypes, f.types.shape)
	case !f.data.isSet():
		return f.end, fmt.Errorf(`%w: it has "types", and no "data"`, ErrMalformed)
	case !f.data.fits():
		return f.data.mark, fmt.Errorf("%w: field %q: expected a map, got %v", ErrMalformed, fieldData, f.data.shape)
	}
	return f.end, nil
}

// fields passes over the map ahead, which may be a payload for p, and returns what
// it found. Whatever the order of the fields, the types come first: they are
// decoded where they stand, and so is the data that follows them. Everything else
// is left for later. Of the outermost map, which may hold payloads under their
// connectors' names, all other values are examined.
func (s *decoding) fields(p *Payload, examine bool) fields {
	var f fields
	if examine {
		s.candidates.reset()
	}
	s.r.beginMap()
	for s.r.more() {
		f.any = true
		name := s.r.key()
		place := f.place(name)
		if place != nil {
			if place.isSet() {
				s.r.fail(fmt.Errorf("%w: field %q is there twice", ErrMalformed, name))
				break
			}
			*place = field{s.r.mark(), s.r.peek()}
		}
		switch {
		case place == &f.types && f.types.fits():
			s.decodeMap(f.types, fieldTypes, p, (*decoding).types)
		case place == &f.data && f.data.fits() && f.types.fits():
			s.decodeMap(f.data, fieldData, p, (*decoding).metrics)
			f.done = true
		case examine:
			s.examine()
		default:
			s.r.skip()
		}
	}
	f.end = s.r.mark()
	return f
}

// place returns where the field of a name is kept, or nil for a name that means
// nothing.
func (f *fields) place(name []byte) *field {
	switch string(name) {
	case fieldTypes:
		return &f.types
	case fieldData:
		return &f.data
	case fieldInfo:
		return &f.info
	case fieldConnectors:
		return &f.connectors
	case fieldScheduler:
		return &f.scheduler
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

// seekEnd goes to the end of a map whose fields have been decoded.
func (s *decoding) seekEnd(f *fields) {
	if s.r.failure == nil {
		s.r.seek(f.end)
	}
}

// body decodes what is left of a payload whose form is right.
func (s *decoding) body(p *Payload, f *fields) {
	if !f.done {
		s.decodeMap(f.data, fieldData, p, (*decoding).metrics)
	}
	if f.info.isSet() && s.r.failure == nil {
		s.r.seek(f.info.mark)
		s.info(p)
	}
	if f.connectors.isSet() && p.parent == nil {
		s.decodeMap(f.connectors, fieldConnectors, p, (*decoding).nested)
	}
}

// decodeMap decodes a field that is a map. Null stands for an empty one, and
// anything else fails.
func (s *decoding) decodeMap(f field, name string, p *Payload, decode func(*decoding, *Payload)) {
	if s.r.failure != nil {
		return
	}
	s.r.seek(f.mark)
	if f.shape != shapeMap {
		s.expectMap(fmt.Sprintf("field %q", name), f.shape)
		return
	}
	decode(s, p)
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
