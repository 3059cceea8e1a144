// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// messagePackReader is the [reader] of MessagePack.
type messagePackReader struct {
	data []byte
	rest []byte
	// cut tells that data is the beginning of an input over the size limit.
	cut bool
	// left holds, for each container entered, the elements still ahead.
	left  [maxDepth]uint32
	depth int
	err   *DecodeError
}

// reset makes r read data, of which at most limit bytes are looked at.
func (r *messagePackReader) reset(data []byte, limit int) {
	cut := len(data) > limit
	if cut {
		data = data[:limit]
	}
	r.data, r.rest, r.cut, r.depth, r.err = data, data, cut, 0, nil
}

func (r *messagePackReader) fail(err error) {
	if r.err == nil {
		r.err = &DecodeError{Offset: len(r.data) - len(r.rest), Err: err}
	}
}

func (r *messagePackReader) failure() *DecodeError { return r.err }

// truncated fails because the input ends too early.
func (r *messagePackReader) truncated() {
	if r.cut {
		r.fail(fmt.Errorf("%w: more than %d bytes", ErrTooLarge, len(r.data)))
		return
	}
	r.fail(ErrTruncated)
}

// advance goes on to rest, or fails with what the library found.
func (r *messagePackReader) advance(rest []byte, err error) bool {
	switch {
	case err == nil:
		r.rest = rest
		return true
	case errors.Is(err, msgp.ErrShortBytes):
		r.truncated()
	default:
		r.fail(fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	return false
}

func (r *messagePackReader) peek() shape {
	if r.err != nil {
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

func (r *messagePackReader) beginArray() {
	size, rest, err := msgp.ReadArrayHeaderBytes(r.rest)
	if r.advance(rest, err) {
		r.push(size, 1)
	}
}

func (r *messagePackReader) beginMap() {
	size, rest, err := msgp.ReadMapHeaderBytes(r.rest)
	if r.advance(rest, err) {
		r.push(size, 2)
	}
}

// push enters a container of size elements, each of which takes values bytes at
// the least. A header that claims more than the input can hold goes no further.
func (r *messagePackReader) push(size uint32, values uint64) {
	if uint64(size)*values > uint64(len(r.rest)) {
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

func (r *messagePackReader) more() bool {
	if r.err != nil {
		return false
	}
	if r.left[r.depth-1] == 0 {
		r.depth--
		return false
	}
	r.left[r.depth-1]--
	return true
}

// claimsMore reports whether a text or binary value claims more bytes than there are.
// The library checks that too, with an int, which may be too small for the claim.
func (r *messagePackReader) claimsMore() bool {
	const bin32, ext32, str32 = 0xc6, 0xc9, 0xdb
	if len(r.rest) < 5 || r.rest[0] != bin32 && r.rest[0] != ext32 && r.rest[0] != str32 ||
		uint64(binary.BigEndian.Uint32(r.rest[1:])) <= uint64(len(r.rest)) {
		return false
	}
	r.truncated()
	return true
}

func (r *messagePackReader) text() []byte {
	if r.claimsMore() {
		return nil
	}
	text, rest, err := msgp.ReadStringZC(r.rest)
	r.advance(rest, err)
	return text
}

func (r *messagePackReader) number() (Number, bool) {
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

func (r *messagePackReader) numbers(dst []Number, limit int) ([]Number, error) {
	r.beginArray()
	for r.err == nil && r.left[r.depth-1] > 0 && len(dst) <= limit {
		n, size := plainNumber(r.rest)
		if size == 0 {
			break
		}
		dst = append(dst, n)
		r.rest = r.rest[size:]
		r.left[r.depth-1]--
	}
	return appendNumbers(r, dst, limit)
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

func (r *messagePackReader) boolean() bool {
	v, rest, err := msgp.ReadBoolBytes(r.rest)
	r.advance(rest, err)
	return v
}

func (r *messagePackReader) skip() { skipContainers(r, r.skipScalar) }

func (r *messagePackReader) skipScalar() {
	if r.err != nil || r.claimsMore() {
		return
	}
	rest, err := msgp.Skip(r.rest)
	r.advance(rest, err)
}

func (r *messagePackReader) mark() mark {
	return mark{offset: len(r.data) - len(r.rest), depth: r.depth}
}

func (r *messagePackReader) seek(m mark) {
	r.rest, r.depth = r.data[m.offset:], m.depth
}
