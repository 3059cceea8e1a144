// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

// A candidate is a value that may be a connector's stats.
type candidate struct {
	is candidateKind
	// body is where the payload begins, if it is one. It may be inside the value.
	body, end mark
}

type candidateKind uint8

const (
	// notMap is what no connector sends.
	notMap candidateKind = iota
	// noStats is an empty map, or null.
	noStats
	// payloadStats are a payload, good or bad.
	payloadStats
	// otherStats are a map that another connector sent.
	otherStats
)

// candidates are the values of a map that may hold stats under the names of
// connectors.
type candidates struct {
	// first are as many as there may be connectors.
	first []candidate
	// hasPayload and hasNotMap tell that there is such a value, and tooMany that one
	// past the first is a connector's.
	hasPayload, hasNotMap, tooMany bool
}

func (c *candidates) reset() { *c = candidates{first: c.first[:0]} }

// areConnectors reports whether the names of the map are connectors', rather than
// fields of one connector's stats that are not in this package's form. Stats of
// other connectors are maps of any kind. So the names are connectors' if one has a
// payload, or if there are only maps.
func (c *candidates) areConnectors() bool { return c.hasPayload || !c.hasNotMap }

// examine passes over the value ahead and adds it to the candidates.
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

// recognize passes over the value ahead and tells what it is. A payload is bare,
// as MultiConnector sends it (vLLM v0.33), or under "data", which is how msgspec
// encodes the stats object (vLLM before that); inside says that the value is that
// "data".
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

// nested decodes the map ahead as payloads under their connectors' names.
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

// connectors decodes the map ahead, whose values have been examined and are connectors'.
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

// connectorName returns the name ahead, and what is wrong with it. One that p
// knows already takes no memory.
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
	s.generation++ // A name may come twice, and each payload has its own kinds.
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
