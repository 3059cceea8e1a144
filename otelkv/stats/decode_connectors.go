// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

// A candidate is a value that may be the stats of a connector.
type candidate struct {
	is candidateKind
	// body is where the payload begins, if there is one. It may be inside the value.
	body, end mark
}

type candidateKind uint8

const (
	// notMap is a value that no connector sends.
	notMap candidateKind = iota
	// noStats is an empty map, or null.
	noStats
	// payloadStats is a payload, valid or not.
	payloadStats
	// otherStats is a map that another connector sent.
	otherStats
)

// candidates are the values of a map whose keys may be names of connectors.
type candidates struct {
	// first holds the first values, up to the limit of connectors.
	first []candidate
	// hasPayload and hasNotMap tell that such a value exists. tooMany tells that a
	// value past the first ones is a payload or has no stats.
	hasPayload, hasNotMap, tooMany bool
}

func (c *candidates) reset() { *c = candidates{first: c.first[:0]} }

// areConnectors reports whether the keys of the map are names of connectors. If they
// are not, they are fields of another connector's stats. The keys are names if one of
// the values is a payload, or if all values are maps or null.
func (c *candidates) areConnectors() bool { return c.hasPayload || !c.hasNotMap }

// examine skips the value ahead and adds it to the candidates.
func (s *decoding) examine() {
	is, body := s.recognize(false)
	c := &s.candidates
	c.hasPayload = c.hasPayload || is == payloadStats
	c.hasNotMap = c.hasNotMap || is == notMap
	if len(c.first) < s.limits.Connectors {
		c.first = append(c.first, candidate{is, body, s.r.mark()})
	} else if is == payloadStats || is == noStats {
		c.tooMany = true
	}
}

// recognize skips the value ahead and tells what it is. A payload is either the value
// itself, as MultiConnector sends it (vLLM v0.33), or the value's field "data", as
// msgspec encodes the stats object (vLLM before that). inside says that the value ahead
// is that field.
func (s *decoding) recognize(inside bool) (is candidateKind, body mark) {
	got := s.r.peek()
	body = s.r.mark()
	if got != shapeMap {
		s.r.skip()
		if got == shapeNull {
			return noStats, body
		}
		return notMap, body
	}
	var types, data field
	wrapped, wrappedBody := notMap, mark{}
	is = noStats
	s.r.beginMap()
	for s.r.more() {
		is = otherStats
		switch string(s.r.key()) {
		case fieldTypes:
			types.shape = s.r.peek()
			s.r.skip()
		case fieldData:
			data.shape = s.r.peek()
			if inside {
				s.r.skip()
			} else {
				wrapped, wrappedBody = s.recognize(true)
			}
		default:
			s.r.skip()
		}
	}
	switch {
	case types.fits(), inside && data.fits():
		return payloadStats, body
	case wrapped == payloadStats, wrapped == noStats:
		return wrapped, wrappedBody
	}
	return is, body
}

// nested decodes the map ahead, from names of connectors to payloads.
func (s *decoding) nested(p *Payload) {
	start := s.r.mark()
	s.candidates.reset()
	s.r.beginMap()
	for s.r.more() {
		s.r.skip()
		s.examine()
	}
	if s.r.failure == nil {
		s.r.seek(start)
		s.connectors(p)
	}
}

// connectors decodes the map ahead, from names of connectors to their stats. Its values
// have been examined.
func (s *decoding) connectors(p *Payload) {
	if s.candidates.tooMany {
		s.r.fail(fmt.Errorf("%w: more than %d connectors", ErrTooLarge, s.limits.Connectors))
		return
	}
	s.r.beginMap()
	for i := 0; s.r.more(); i++ {
		name, err := s.connectorName(p)
		if i >= len(s.candidates.first) {
			p.ignore(otherName, 1)
			s.r.skip()
			continue
		}
		c := s.candidates.first[i]
		switch {
		case c.is == notMap || c.is == otherStats:
			if err != nil {
				name = otherName
			}
			p.ignore(name, 1)
		case err != nil:
			s.errs.Add(&EntryError{Connector: name, Err: fmt.Errorf("name: %w", err)})
		default:
			s.connector(p.connector(name), c)
		}
		if s.r.failure == nil {
			s.r.seek(c.end)
		}
	}
}

// connectorName returns the name ahead, and an error if it is not a valid one. It
// allocates nothing for a name that p knows.
func (s *decoding) connectorName(p *Payload) (string, error) {
	if got := s.r.peek(); got != shapeString {
		s.r.skip()
		return "", fmt.Errorf("%w: expected a string, got %v", ErrMalformed, got)
	}
	text := s.r.text()
	if known := p.connectors[string(text)]; known != nil {
		return known.name, nil
	}
	return s.clip(text), s.checkText(text)
}

// connector decodes a candidate that is a payload or has no stats.
func (s *decoding) connector(p *Payload, c candidate) {
	if c.is == noStats {
		p.show()
		return
	}
	s.r.seek(c.body)
	s.generation++ // A name may occur twice, and each payload has its own kinds.
	f := s.fields(p, false)
	if s.r.failure != nil {
		return
	}
	if _, err := f.misfit(); err != nil {
		s.errs.Add(&EntryError{Connector: p.name, Err: err})
		return
	}
	p.show()
	s.body(p, &f)
}
