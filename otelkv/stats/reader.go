// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// maxDepth bounds the nesting of an encoded payload, also of what is skipped. The
// deepest value that means anything is ten containers down.
const maxDepth = 32

var (
	errTooDeep = fmt.Errorf("%w: more than %d levels deep", ErrTooLarge, maxDepth)
	// errBeyond says that the format can hold a number, and a Number cannot.
	errBeyond = fmt.Errorf("%w: an integer beyond int64 or a float beyond float64", ErrNumber)
)

// A reader reads MessagePack, value by value. It does not know what a payload is.
//
// The first failure sticks: from then on, more returns false, peek returns
// shapeNone, and nothing else moves.
type reader struct {
	data []byte
	rest []byte
	// cut tells that data is the beginning of an input over the size limit.
	cut bool
	// left holds, for each container entered, the number of elements ahead.
	left  [maxDepth]uint32
	depth int
	// failure is what stopped the reader, or nil.
	failure *DecodeError
}

// reset makes r read the first limit bytes of data.
func (r *reader) reset(data []byte, limit int) {
	cut := len(data) > limit
	if cut {
		data = data[:limit]
	}
	r.data, r.rest, r.cut, r.depth, r.failure = data, data, cut, 0, nil
}

// fail stops the reader with an error that wraps ErrTruncated, ErrMalformed or
// ErrTooLarge.
func (r *reader) fail(err error) {
	if r.failure == nil {
		r.failure = &DecodeError{Offset: len(r.data) - len(r.rest), Err: err}
	}
}

// truncated fails because the input ends too early.
func (r *reader) truncated() {
	if r.cut {
		r.fail(fmt.Errorf("%w: more than %d bytes", ErrTooLarge, len(r.data)))
		return
	}
	r.fail(ErrTruncated)
}

// advance goes on to rest, or fails if the library returned an error.
func (r *reader) advance(rest []byte, err error) bool {
	if err != nil {
		r.refuse(err)
		return false
	}
	r.rest = rest
	return true
}

// refuse fails with an error of the library.
func (r *reader) refuse(err error) {
	if errors.Is(err, msgp.ErrShortBytes) {
		r.truncated()
		return
	}
	r.fail(fmt.Errorf("%w: %w", ErrMalformed, err))
}

// peek returns the shape of the value ahead.
func (r *reader) peek() shape {
	if r.failure != nil {
		return shapeNone
	}
	if len(r.rest) == 0 {
		r.truncated()
		return shapeNone
	}
	switch lead := r.rest[0]; {
	case lead < 0x80:
		return shapeNumber
	case lead < 0x90:
		return shapeMap
	case lead < 0xa0:
		return shapeArray
	case lead < 0xc0:
		return shapeString
	}
	switch msgp.NextType(r.rest) {
	case msgp.IntType, msgp.UintType, msgp.Float64Type, msgp.Float32Type:
		return shapeNumber
	case msgp.StrType:
		return shapeString
	case msgp.ArrayType:
		return shapeArray
	case msgp.MapType:
		return shapeMap
	case msgp.BoolType:
		return shapeBool
	case msgp.NilType:
		return shapeNull
	case msgp.InvalidType:
		r.fail(fmt.Errorf("%w: no value begins with 0x%02x", ErrMalformed, r.rest[0]))
		return shapeNone
	}
	return shapeOther
}

// beginArray enters the value ahead, which is an array.
func (r *reader) beginArray() {
	size, rest, err := msgp.ReadArrayHeaderBytes(r.rest)
	if r.advance(rest, err) {
		r.push(size, 1)
	}
}

// beginMap enters the value ahead, which is a map.
func (r *reader) beginMap() {
	size, rest, err := msgp.ReadMapHeaderBytes(r.rest)
	if r.advance(rest, err) {
		r.push(size, 2)
	}
}

// push enters a container of size elements, each of which takes at least the given
// number of bytes. It fails if the input is too short for that.
func (r *reader) push(size uint32, bytes uint64) {
	if uint64(size)*bytes > uint64(len(r.rest)) {
		r.truncated()
		return
	}
	if r.depth == maxDepth {
		r.fail(errTooDeep)
		return
	}
	r.left[r.depth] = size
	r.depth++
}

// more reports whether the innermost container has another element, or another key
// and value, ahead. It leaves the container when there is none, and must be called
// until then.
func (r *reader) more() bool {
	if r.failure != nil {
		return false
	}
	if r.left[r.depth-1] == 0 {
		r.depth--
		return false
	}
	r.left[r.depth-1]--
	return true
}

// claimsMore fails if a text or binary value claims more bytes than there are, and
// reports that. The library checks it too, but with an int, which may be too small
// for the claim.
func (r *reader) claimsMore() bool {
	const bin32, ext32, str32 = 0xc6, 0xc9, 0xdb
	if len(r.rest) < 5 || r.rest[0] != bin32 && r.rest[0] != ext32 && r.rest[0] != str32 ||
		uint64(binary.BigEndian.Uint32(r.rest[1:])) <= uint64(len(r.rest)) {
		return false
	}
	r.truncated()
	return true
}

// key returns the key ahead, or nil if it is not a string.
func (r *reader) key() []byte {
	if r.peek() != shapeString {
		r.skip()
		return nil
	}
	return r.text()
}

// text returns the string ahead, which is part of the input.
func (r *reader) text() []byte {
	if r.claimsMore() {
		return nil
	}
	text, rest, err := msgp.ReadStringZC(r.rest)
	r.advance(rest, err)
	return text
}

// number returns the number ahead, and false for an integer beyond int64.
func (r *reader) number() (n Number, ok bool) {
	if n, size := plainNumber(r.rest); size > 0 {
		r.rest = r.rest[size:]
		return n, true
	}
	switch msgp.NextType(r.rest) {
	case msgp.Float64Type:
		v, rest, err := msgp.ReadFloat64Bytes(r.rest)
		r.advance(rest, err)
		return Float64(v), true
	case msgp.Float32Type:
		v, rest, err := msgp.ReadFloat32Bytes(r.rest)
		r.advance(rest, err)
		return Float64(float64(v)), true
	}
	v, rest, err := msgp.ReadInt64Bytes(r.rest)
	if err != nil && errors.As(err, new(msgp.UintOverflow)) {
		r.skip()
		return Number{}, false
	}
	r.advance(rest, err)
	return Int64(v), true
}

// numbers appends the numbers of the list ahead to dst, up to the limit and one
// more, which tells that there are too many. It passes over all of the list. The
// error wraps ErrNumber, and names the first element that is no number.
func (r *reader) numbers(dst []Number, limit int) (numbers []Number, bad error) {
	r.beginArray()
	for r.more() {
		if len(dst) <= limit {
			if n, size := plainNumber(r.rest); size > 0 {
				dst = append(dst, n)
				r.rest = r.rest[size:]
				continue
			}
		}
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

// plainNumber decodes a number of the forms that make up nearly all of a payload,
// and returns its size in bytes. It returns size 0 for any other, and for a
// truncated one.
func plainNumber(data []byte) (n Number, size int) {
	if len(data) == 0 {
		return Number{}, 0
	}
	switch lead := data[0]; {
	case lead < 0x80:
		return Int64(int64(lead)), 1
	case lead == 0xcb && len(data) >= 9:
		return Number{bits: binary.BigEndian.Uint64(data[1:]), float: true}, 9
	case lead == 0xce && len(data) >= 5:
		return Int64(int64(binary.BigEndian.Uint32(data[1:]))), 5
	}
	return Number{}, 0
}

// boolean returns the bool ahead.
func (r *reader) boolean() bool {
	v, rest, err := msgp.ReadBoolBytes(r.rest)
	r.advance(rest, err)
	return v
}

// skip passes over the value ahead, whatever it holds.
func (r *reader) skip() {
	if _, size := plainNumber(r.rest); size > 0 && r.failure == nil {
		r.rest = r.rest[size:]
		return
	}
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
		if r.failure == nil && !r.claimsMore() {
			r.advance(msgp.Skip(r.rest))
		}
	}
}

// A mark is the position of a value.
type mark struct {
	offset int
	depth  int
}

// isSet tells a mark from the zero mark, at which only a whole payload begins.
func (m mark) isSet() bool { return m.offset > 0 }

// mark returns the position of the value ahead.
func (r *reader) mark() mark {
	return mark{offset: len(r.data) - len(r.rest), depth: r.depth}
}

// seek goes to a mark that is before the value ahead, or after it at the same level.
func (r *reader) seek(m mark) {
	r.rest, r.depth = r.data[m.offset:], m.depth
}

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
