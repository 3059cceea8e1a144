// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

func (r *jsonReader) text() []byte {
	text := r.quoted()
	if r.depth == 0 || !r.inside[r.depth-1].atKey {
		return text
	}
	r.inside[r.depth-1].atKey = false
	if c := r.next(); c == ':' {
		r.pos++
	} else if c != 0 {
		r.malformed("a colon")
	}
	return text
}

// quoted returns the string ahead. Bytes that are not valid UTF-8, and escaped
// surrogates without their pair, make a text that is not valid UTF-8.
func (r *jsonReader) quoted() []byte {
	r.pos++
	start := r.pos
	r.unescaped = r.unescaped[:0]
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			text := r.data[start:r.pos]
			r.pos++
			if len(r.unescaped) == 0 {
				return text
			}
			r.unescaped = append(r.unescaped, text...)
			return r.unescaped
		case c == '\\':
			r.unescaped = append(r.unescaped, r.data[start:r.pos]...)
			r.pos++
			if !r.unescape() {
				return nil
			}
			start = r.pos
		case c < 0x20:
			r.malformed("a string without control characters")
			return nil
		default:
			r.pos++
		}
	}
	r.fail(ErrTruncated)
	return nil
}

// unescape appends what the escape behind a backslash stands for.
func (r *jsonReader) unescape() bool {
	if r.pos == len(r.data) {
		r.fail(ErrTruncated)
		return false
	}
	c := r.data[r.pos]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return r.unescapeUnicode()
	default:
		r.malformed("an escape")
		return false
	}
	r.pos++
	r.unescaped = append(r.unescaped, c)
	return true
}

func (r *jsonReader) unescapeUnicode() bool {
	unit, ok := r.hexUnit()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(unit) {
		at := r.pos
		if bytes.HasPrefix(r.data[at:], []byte(`\u`)) {
			r.pos++
			low, ok := r.hexUnit()
			if !ok {
				return false
			}
			if pair := utf16.DecodeRune(unit, low); pair != utf8.RuneError {
				r.unescaped = utf8.AppendRune(r.unescaped, pair)
				return true
			}
			r.pos = at
		}
		// The three bytes that the surrogate would have, which no valid text holds.
		r.unescaped = append(r.unescaped, 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f)
		return true
	}
	r.unescaped = utf8.AppendRune(r.unescaped, unit)
	return true
}

// hexUnit reads u and four digits.
func (r *jsonReader) hexUnit() (rune, bool) {
	unit := rune(0)
	r.pos++
	for range 4 {
		if r.pos == len(r.data) {
			r.fail(ErrTruncated)
			return 0, false
		}
		c := r.data[r.pos]
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			r.malformed("a hexadecimal digit")
			return 0, false
		}
		unit = unit<<4 | rune(c)
		r.pos++
	}
	return unit, true
}
