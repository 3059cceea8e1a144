// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"bytes"
	"fmt"
	"strconv"
)

// jsonReader is the [reader] of JSON (RFC 8259). It is written out because the
// standard library's decoder keeps neither int and float apart nor repeated keys,
// and knows no bounds.
type jsonReader struct {
	data []byte
	pos  int
	// inside holds the containers entered.
	inside [maxDepth]jsonContainer
	depth  int
	// unescaped holds the last string that had escapes.
	unescaped []byte
	err       *DecodeError
}

type jsonContainer struct {
	isMap bool
	// begun tells that an element has been seen, atKey that a key is ahead.
	begun bool
	atKey bool
}

func (r *jsonReader) reset(data []byte, limit int) {
	r.data, r.pos, r.depth, r.err = data, 0, 0, nil
	if len(data) > limit {
		r.fail(fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(data), limit))
	}
}

func (r *jsonReader) fail(err error) {
	if r.err == nil {
		r.err = &DecodeError{Offset: r.pos, Err: err}
	}
}

func (r *jsonReader) failure() *DecodeError { return r.err }

func (r *jsonReader) malformed(expected string) {
	r.fail(fmt.Errorf("%w: expected %s, got %q", ErrMalformed, expected, r.data[r.pos]))
}

// next passes over white space and returns the byte ahead, or 0 after failing.
func (r *jsonReader) next() byte {
	if r.err != nil {
		return 0
	}
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
			r.pos++
		case 0:
			r.malformed("a value")
			return 0
		default:
			return c
		}
	}
	r.fail(ErrTruncated)
	return 0
}

// finish checks that nothing but white space follows the value.
func (r *jsonReader) finish() {
	if rest := bytes.TrimLeft(r.data[r.pos:], " \t\r\n"); r.err == nil && len(rest) > 0 {
		r.pos = len(r.data) - len(rest)
		r.malformed("the end")
	}
}

func (r *jsonReader) peek() shape {
	switch c := r.next(); {
	case c == 0:
		return shapeNone
	case c == '"':
		return shapeString
	case c == '{':
		return shapeMap
	case c == '[':
		return shapeArray
	case c == '-' || isDigit(c):
		return shapeNumber
	case c == 't' || c == 'f':
		return shapeBool
	case c == 'n':
		return shapeNull
	}
	r.malformed("a value")
	return shapeNone
}

func (r *jsonReader) beginArray() { r.push(jsonContainer{}) }

func (r *jsonReader) beginMap() { r.push(jsonContainer{isMap: true}) }

func (r *jsonReader) push(c jsonContainer) {
	if r.depth == maxDepth {
		r.fail(errTooDeep)
		return
	}
	r.pos++
	r.inside[r.depth] = c
	r.depth++
}

func (r *jsonReader) more() bool {
	c := r.next()
	if c == 0 {
		return false
	}
	in := &r.inside[r.depth-1]
	if in.isMap && c == '}' || !in.isMap && c == ']' {
		r.pos++
		r.depth--
		return false
	}
	if in.begun {
		if c != ',' {
			r.malformed("a comma or the container's end")
			return false
		}
		r.pos++
		c = r.next()
	}
	in.begun = true
	if in.isMap {
		in.atKey = true
		if c != '"' && c != 0 {
			r.malformed("a key")
		}
	}
	return r.err == nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// digits passes over one digit or more.
func (r *jsonReader) digits() {
	start := r.pos
	for r.pos < len(r.data) && isDigit(r.data[r.pos]) {
		r.pos++
	}
	switch {
	case r.pos > start:
	case r.pos == len(r.data):
		r.fail(ErrTruncated)
	default:
		r.malformed("a digit")
	}
}

func (r *jsonReader) at(c byte) bool { return r.pos < len(r.data) && r.data[r.pos] == c }

// numeral returns the text of the number ahead, and whether it is an integer: it
// has neither point nor exponent.
func (r *jsonReader) numeral() (text []byte, integer bool) {
	start := r.pos
	integer = true
	if r.at('-') {
		r.pos++
	}
	if r.at('0') {
		r.pos++
	} else {
		r.digits()
	}
	if r.at('.') {
		integer = false
		r.pos++
		r.digits()
	}
	if r.at('e') || r.at('E') {
		integer = false
		r.pos++
		if r.at('+') || r.at('-') {
			r.pos++
		}
		r.digits()
	}
	return r.data[start:r.pos], integer
}

func (r *jsonReader) number() (Number, bool) {
	text, integer := r.numeral()
	if r.err != nil {
		return Number{}, false
	}
	if integer {
		v, err := strconv.ParseInt(string(text), 10, 64)
		return Int64(v), err == nil
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return Float64(v), err == nil
}

func (r *jsonReader) numbers(dst []Number, limit int) ([]Number, error) {
	r.beginArray()
	return appendNumbers(r, dst, limit)
}

func (r *jsonReader) boolean() bool {
	isTrue := r.data[r.pos] == 't'
	if isTrue {
		r.literal("true")
	} else {
		r.literal("false")
	}
	return isTrue
}

func (r *jsonReader) literal(word string) {
	for i := range len(word) {
		if r.pos == len(r.data) {
			r.fail(ErrTruncated)
			return
		}
		if r.data[r.pos] != word[i] {
			r.malformed(word)
			return
		}
		r.pos++
	}
}

func (r *jsonReader) skip() { skipContainers(r, r.skipScalar) }

func (r *jsonReader) skipScalar() {
	switch r.peek() {
	case shapeNull:
		r.literal("null")
	case shapeBool:
		r.boolean()
	case shapeNumber:
		r.numeral()
	case shapeString:
		r.text()
	}
}

func (r *jsonReader) mark() mark { return mark{offset: r.pos, depth: r.depth} }

func (r *jsonReader) seek(m mark) { r.pos, r.depth = m.offset, m.depth }
