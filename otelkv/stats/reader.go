// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

// A reader walks one encoded value, in either format. The decoder above it knows
// what a payload is, and nothing about bytes.
//
// The first failure sticks: more returns false from then on, peek returns
// shapeNone, and nothing else moves.
type reader interface {
	// peek returns the shape of the value ahead.
	peek() shape
	// beginArray and beginMap enter the value ahead, which has that shape.
	beginArray()
	beginMap()
	// more reports whether the innermost container has another element, or another
	// key and value, ahead. It leaves the container when there is none, and must be
	// called until then.
	more() bool
	// text returns the string ahead. It is valid until the next call.
	text() []byte
	// number returns the number ahead, and false for an integer beyond int64 or a
	// float beyond float64.
	number() (n Number, ok bool)
	// numbers appends the numbers of the list ahead to dst, up to the limit and one
	// more, which tells that there are too many. It passes over all of the list, and
	// returns an error that wraps ErrNumber if anything in it was no number.
	numbers(dst []Number, limit int) (numbers []Number, bad error)
	// boolean returns the bool ahead.
	boolean() bool
	// skip passes over the value ahead, whatever it holds.
	skip()
	// mark returns the position of the value ahead, and seek goes back to it, or
	// forward to one at the same level.
	mark() mark
	seek(mark)
	// fail stops the reader with an error that wraps ErrTruncated, ErrMalformed or
	// ErrTooLarge.
	fail(error)
	// failure returns what stopped the reader, or nil.
	failure() *DecodeError
}

// maxDepth bounds the nesting of an encoded payload, also of what is skipped. The
// deepest value that means anything is ten containers down.
const maxDepth = 32

var errTooDeep = fmt.Errorf("%w: more than %d levels deep", ErrTooLarge, maxDepth)

type mark struct {
	offset int
	depth  int
}

// found tells a place from the zero mark, at which only a whole payload begins.
func (m mark) found() bool { return m.offset > 0 }

// shape is what a reader can tell of a value before reading it.
type shape uint8

const (
	shapeNone shape = iota
	shapeNull
	shapeBool
	shapeNumber
	shapeString
	shapeArray
	shapeMap
	shapeOther
)

// String returns the shape as an error names it.
func (s shape) String() string {
	switch s {
	case shapeNull:
		return "null"
	case shapeBool:
		return "a bool"
	case shapeNumber:
		return "a number"
	case shapeString:
		return "a string"
	case shapeArray:
		return "a list"
	case shapeMap:
		return "a map"
	case shapeOther:
		return "binary data"
	}
	return "nothing"
}

// skipContainers passes over the value ahead of r, and calls scalar for each
// value that is no container.
func skipContainers(r reader, scalar func()) {
	switch r.peek() {
	case shapeArray:
		r.beginArray()
		for r.more() {
			r.skip()
		}
	case shapeMap:
		r.beginMap()
		for r.more() {
			r.skip()
			r.skip()
		}
	default:
		scalar()
	}
}

// errBeyond says that a number was one in the format, but is none here.
var errBeyond = fmt.Errorf("%w: an integer beyond int64 or a float beyond float64", ErrNumber)

// appendNumbers implements [reader.numbers] for a list that r has entered. It
// tells the first of what was no number.
func appendNumbers(r reader, dst []Number, limit int) (numbers []Number, bad error) {
	for r.more() {
		got := r.peek()
		if got != shapeNumber && bad == nil {
			bad = fmt.Errorf("%w: expected numbers for samples, got %v", ErrNumber, got)
		}
		if got != shapeNumber || len(dst) > limit {
			r.skip()
			continue
		}
		n, ok := r.number()
		if ok {
			dst = append(dst, n)
		} else if bad == nil {
			bad = errBeyond
		}
	}
	return dst, bad
}
