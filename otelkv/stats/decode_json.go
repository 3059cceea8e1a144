// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"
)

// A transcoder turns JSON into MessagePack, which is then decoded. The library reads the
// JSON, and is what encoding/json/v2 uses.
type transcoder struct {
	data    []byte
	input   bytes.Buffer // over data
	decoder *jsontext.Decoder
	// messagePack is the result. It is at most three times as long as the JSON.
	messagePack []byte
	// until is the length of the result at which to stop.
	until int
}

// errStopped says that the result has reached the length at which to stop.
var errStopped = errors.New("stopped")

// transcode turns data, one JSON value of at most limit bytes, into MessagePack.
func (t *transcoder) transcode(data []byte, limit int) *DecodeError {
	if len(data) > limit {
		return &DecodeError{Err: fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(data), limit)}
	}
	return t.run(data, math.MaxInt)
}

// offset returns the offset in data of the value that has the given offset in the result.
func (t *transcoder) offset(data []byte, inResult int) int {
	if stopped := t.run(data, inResult); stopped != nil {
		return stopped.Offset
	}
	return len(data)
}

func (t *transcoder) run(data []byte, until int) *DecodeError {
	t.data, t.until = data, until
	t.input = *bytes.NewBuffer(data)
	t.messagePack = t.messagePack[:0]
	if t.decoder == nil {
		t.decoder = new(jsontext.Decoder)
	}
	// The decoder of payloads checks names and UTF-8 itself, and keeps the other entries.
	t.decoder.Reset(&t.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err := t.value(0)
	if err == nil {
		end := t.position()
		if _, err = t.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			return &DecodeError{Offset: end, Err: fmt.Errorf("%w: expected the end", ErrMalformed)}
		}
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &DecodeError{Offset: len(data), Err: ErrTruncated}
	case errors.As(err, &syntax):
		return &DecodeError{Offset: int(syntax.ByteOffset), Err: fmt.Errorf("%w: %w", ErrMalformed, syntax.Err)}
	}
	return &DecodeError{Offset: t.position(), Err: err}
}

// close drops the input, and a result that is large.
func (t *transcoder) close() {
	t.data, t.input = nil, bytes.Buffer{}
	if t.decoder != nil {
		t.decoder.Reset(&t.input)
	}
	if cap(t.messagePack) > maxRetainedScratch {
		t.messagePack = nil
	}
}

// position returns the offset of the value ahead.
func (t *transcoder) position() int {
	behind := int(t.decoder.InputOffset())
	return len(t.data) - len(bytes.TrimLeft(t.data[behind:], " \t\r\n,:"))
}

// Headers of MessagePack whose size follows in four bytes.
const (
	leadString = 0xdb
	leadArray  = 0xdd
	leadMap    = 0xdf
)

func appendHeader(dst []byte, lead byte) []byte { return append(dst, lead, 0, 0, 0, 0) }

func setSize(data []byte, header, size int) {
	binary.BigEndian.PutUint32(data[header+1:], uint32(size))
}

// value appends the value ahead, which is inside as many containers as depth says.
func (t *transcoder) value(depth int) error {
	kind := t.decoder.PeekKind()
	if len(t.messagePack) >= t.until {
		return errStopped
	}
	if cap(t.messagePack)-len(t.messagePack) < 16 {
		// Smaller steps, as append takes them, would allocate more in all.
		larger := make([]byte, 0, cap(t.messagePack)+len(t.data)+16)
		t.messagePack = append(larger, t.messagePack...)
	}
	switch kind {
	case '{':
		return t.container(depth, leadMap, '}', 2)
	case '[':
		return t.container(depth, leadArray, ']', 1)
	}
	value, err := t.decoder.ReadValue()
	if err != nil {
		return err
	}
	switch kind {
	case '"':
		t.messagePack = appendString(t.messagePack, value)
	case '0':
		t.messagePack = appendNumber(t.messagePack, value)
	case 'n':
		t.messagePack = msgp.AppendNil(t.messagePack)
	default:
		t.messagePack = msgp.AppendBool(t.messagePack, kind == 't')
	}
	return nil
}

// container appends the container ahead, whose elements are one or two values.
func (t *transcoder) container(depth int, lead byte, end jsontext.Kind, values int) error {
	if depth == maxDepth {
		return errTooDeep
	}
	if _, err := t.decoder.ReadToken(); err != nil {
		return err
	}
	header, count := len(t.messagePack), 0
	t.messagePack = appendHeader(t.messagePack, lead)
	for ; t.decoder.PeekKind() != end; count++ {
		if err := t.value(depth + 1); err != nil {
			return err
		}
	}
	setSize(t.messagePack, header, count/values)
	_, err := t.decoder.ReadToken()
	return err
}

// appendNumber appends a number. Without a point and an exponent it is an int64,
// otherwise a float64. For one beyond these it appends an integer that is beyond int64.
func appendNumber(dst []byte, number jsontext.Value) []byte {
	text := string(number)
	if bytes.ContainsAny(number, ".eE") {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			return msgp.AppendFloat64(dst, v)
		}
	} else if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return messagePackFormat{}.number(dst, Int64(v))
	}
	return msgp.AppendUint64(dst, math.MaxUint64)
}

// appendString appends a string. One that is not valid UTF-8, or that escapes half a
// surrogate pair, is appended as it was sent, with a byte that no valid text has, so the
// decoder refuses it.
func appendString(dst []byte, quoted jsontext.Value) []byte {
	header := len(dst)
	dst = appendHeader(dst, leadString)
	begin := len(dst)
	dst, err := jsontext.AppendUnquote(dst, quoted)
	if err != nil {
		dst = append(dst[:begin], quoted[1:len(quoted)-1]...)
		if utf8.Valid(quoted) {
			dst = append(dst, 0xff)
		}
	}
	setSize(dst, header, len(dst)-begin)
	return dst
}
