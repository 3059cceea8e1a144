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

// stats decodes the map ahead, in any of the forms that [Decoder] lists. Only the
// outermost map may be a SchedulerStats.
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

// outputs decodes the EngineCoreOutputs ahead. Its third item is a SchedulerStats or
// null. Items at the end may be missing.
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
			s.r.fail(fmt.Errorf("%w: field %q occurs twice", ErrMalformed, fieldScheduler))
		default:
			found = true
			s.connectorStats(p)
		}
	}
}

// connectorStats decodes the value ahead, the field kv_connector_stats of a
// SchedulerStats.
func (s *decoding) connectorStats(p *Payload) {
	if got := s.r.peek(); got != shapeMap {
		s.expectMap(fmt.Sprintf("field %q", fieldScheduler), got)
		return
	}
	s.stats(p, false)
}

// expectMap skips null, and fails for any other shape but a map.
func (s *decoding) expectMap(what string, got shape) {
	if got == shapeNull {
		s.r.skip()
		return
	}
	s.r.fail(fmt.Errorf("%w: %s: expected a map, got %v", ErrMalformed, what, got))
}

// A field is the position of a field's value, and its shape.
type field struct {
	mark
	shape shape
}

// fits reports whether the field has the shape of "types" and "data" in a payload.
// Null stands for an empty map.
func (f field) fits() bool { return f.shape == shapeMap || f.shape == shapeNull }

// fields are the known fields of a map that may be a payload.
type fields struct {
	types, data, info, connectors, scheduler field
	// any tells that the map is not empty, and done that the data is decoded.
	any, done bool
	end       mark
}

// isPayload reports whether the map is a payload, valid or not: its types or its data
// fit.
func (f *fields) isPayload() bool { return f.types.fits() || f.data.fits() }

// misfit returns what is wrong with the form of a payload, and where.
func (f *fields) misfit() (at mark, err error) {
	switch {
	case f.types.isSet() && !f.types.fits():
		return f.types.mark, fmt.Errorf("%w: field %q: expected a map, got %v", ErrMalformed, fieldTypes, f.types.shape)
	case !f.data.isSet():
		return f.end, fmt.Errorf(`%w: it has "types" but no "data"`, ErrMalformed)
	case !f.data.fits():
		return f.data.mark, fmt.Errorf("%w: field %q: expected a map, got %v", ErrMalformed, fieldData, f.data.shape)
	}
	return f.end, nil
}

// fields skips the map ahead, which may be a payload for p, and returns the fields
// that it found. It decodes the types where it finds them, and the data if that comes
// after the types. The rest is decoded later. With examine, which is for a map whose
// keys may be names of connectors, it examines all other values.
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
				s.r.fail(fmt.Errorf("%w: field %q occurs twice", ErrMalformed, name))
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

// place returns the field of the given name, or nil for an unknown name.
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

// expectName fails unless a string is ahead.
func (s *decoding) expectName(what string) bool {
	got := s.r.peek()
	if got == shapeString {
		return true
	}
	s.r.fail(fmt.Errorf("%w: expected %s, got %v", ErrMalformed, what, got))
	return false
}

// seekEnd goes to the end of a map whose fields are decoded.
func (s *decoding) seekEnd(f *fields) {
	if s.r.failure == nil {
		s.r.seek(f.end)
	}
}

// body decodes the fields of a payload that are not decoded yet. Its form is right.
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

// decodeMap decodes a field that must be a map, or null, which stands for an empty one.
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

// checkText returns an error for a name or label value that is too long or not UTF-8.
func (s *decoding) checkText(text []byte) error {
	if len(text) > s.limits.LabelLength {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(text), s.limits.LabelLength)
	}
	if !utf8.Valid(text) {
		return ErrUTF8
	}
	return nil
}

// clip returns a text from the input for an error, shortened to the longest valid
// length.
func (s *decoding) clip(text []byte) string {
	return string(text[:min(len(text), s.limits.LabelLength)])
}

// labels returns the label values in the key, for an error.
func (s *decoding) labels() []string {
	return tuple.Split(string(s.key))
}
