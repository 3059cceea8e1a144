// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// A transcoder turns JSON into MessagePack, which is then decoded. encoding/json
// checks the syntax, and the transcoder splits valid text into tokens. It does not use
// the tokens of json.Decoder: they take ten times as long, and two allocations each.
type transcoder struct {
	// messagePack is the result. It is at most three times as long as the JSON.
	messagePack []byte
	// open holds the containers that have not ended.
	open [maxDepth]openContainer
}

type openContainer struct {
	// header is the offset of the container's header, which gets its size at the end.
	header int
	// values counts elements, or keys and values.
	values int
}

// transcode turns data, one JSON value of at most limit bytes, into MessagePack.
func (t *transcoder) transcode(data []byte, limit int) *DecodeError {
	if len(data) > limit {
		return &DecodeError{Err: fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(data), limit)}
	}
	invalid := checkJSON(data)
	if invalid != nil {
		data = data[:invalid.Offset]
	}
	// A container that is too deep may come before what is invalid.
	if offset, ok := t.walk(data, math.MaxInt); !ok {
		return &DecodeError{Offset: offset, Err: errTooDeep}
	}
	return invalid
}

// checkJSON returns nil if data is one JSON value.
func checkJSON(data []byte) *DecodeError {
	if json.Valid(data) {
		return nil
	}
	var value json.RawMessage
	err := json.NewDecoder(bytes.NewReader(data)).Decode(&value)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &DecodeError{Offset: len(data), Err: ErrTruncated}
	}
	// Unlike a json.Decoder, Unmarshal checks what follows the value.
	err = json.Unmarshal(data, &value)
	invalid := &DecodeError{Err: fmt.Errorf("%w: %w", ErrMalformed, err)}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		invalid.Offset = max(0, int(syntax.Offset)-1)
	}
	return invalid
}

// walk transcodes data, which is valid JSON or the beginning of it. It stops at the
// value that has the offset until in the MessagePack, and returns that value's offset
// in data. At a container that is too deep, it returns the offset and false.
func (t *transcoder) walk(data []byte, until int) (offset int, ok bool) {
	out := t.messagePack[:0]
	defer func() { t.messagePack = out }()
	depth, i := 0, 0
	for i < len(data) {
		c := data[i]
		switch c {
		case ' ', '\t', '\n', '\r', ',', ':':
			i++
			continue
		case ']', '}':
			if depth == 0 {
				return i, true
			}
			depth--
			size := t.open[depth].values
			if c == '}' {
				size /= 2
			}
			setSize(out, t.open[depth].header, size)
			i++
			continue
		}
		if len(out) >= until {
			return i, true
		}
		// append would take smaller steps, and so allocate more in all.
		if cap(out)-len(out) < maxShort {
			out = append(make([]byte, 0, cap(out)+len(data)+maxShort), out...)
		}
		if depth > 0 {
			t.open[depth-1].values++
		}
		if c != '[' && c != '{' {
			var size int
			if out, size = appendScalar(out, data[i:]); size == 0 {
				return i, true
			}
			i += size
			continue
		}
		if depth == maxDepth {
			return i, false
		}
		lead := byte(leadArray)
		if c == '{' {
			lead = leadMap
		}
		t.open[depth] = openContainer{header: len(out)}
		depth++
		out = appendHeader(out, lead)
		i++
	}
	return len(data), true
}

// maxShort is more than the size of any header or scalar but a string.
const maxShort = 16

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

// appendScalar appends the value that data begins with, and returns its size in data. The
// size is 0 if there is no whole value.
func appendScalar(dst, data []byte) (to []byte, size int) {
	switch data[0] {
	case '"':
		return appendString(dst, data)
	case 't':
		return msgp.AppendBool(dst, true), len("true")
	case 'f':
		return msgp.AppendBool(dst, false), len("false")
	case 'n':
		return msgp.AppendNil(dst), len("null")
	}
	return appendNumber(dst, data)
}

// appendNumber appends a number: an int64 if it has neither point nor exponent, otherwise
// a float64. For a number beyond these it appends an integer beyond int64.
func appendNumber(dst, data []byte) (to []byte, size int) {
	isFloat := false
	for ; size < len(data); size++ {
		c := data[size]
		switch {
		case '0' <= c && c <= '9' || c == '-' || c == '+':
			continue
		case c == '.' || c == 'e' || c == 'E':
			isFloat = true
			continue
		}
		break
	}
	text := string(data[:size])
	if isFloat {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			return msgp.AppendFloat64(dst, v), size
		}
	} else if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return appendMessagePackNumber(dst, Int64(v)), size
	}
	return msgp.AppendUint64(dst, math.MaxUint64), size
}

// appendString appends a string. Its size is 0 if data ends within it.
func appendString(dst, data []byte) (to []byte, size int) {
	text := data[1:]
	if end := bytes.IndexByte(text, '"'); end >= 0 && bytes.IndexByte(text[:end], '\\') < 0 {
		return msgp.AppendStringFromBytes(dst, text[:end]), end + 2
	}
	header := len(dst)
	dst = appendHeader(dst, leadString)
	begin := len(dst)
	for {
		plain := bytes.IndexAny(text, `"\`)
		if plain < 0 || plain+1 == len(text) && text[plain] == '\\' {
			return dst, 0
		}
		dst = append(dst, text[:plain]...)
		c := text[plain]
		text = text[plain+1:]
		if c == '"' {
			setSize(dst, header, len(dst)-begin)
			return dst, len(data) - len(text)
		}
		dst, text = appendEscaped(dst, text)
	}
}

// appendEscaped appends what an escape stands for. text begins behind its backslash, and
// rest behind the escape. A surrogate without its pair becomes the three bytes that would
// encode it. These are not valid UTF-8, so the decoder refuses the string. encoding/json
// would put U+FFFD in its place, and the error would be hidden.
func appendEscaped(dst, text []byte) (to, rest []byte) {
	c, rest := text[0], text[1:]
	if c != 'u' {
		if i := strings.IndexByte("bfnrt", c); i >= 0 {
			c = "\b\f\n\r\t"[i]
		}
		return append(dst, c), rest
	}
	unit, rest := codeUnit(rest)
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(dst, unit), rest
	}
	if next, ok := bytes.CutPrefix(rest, []byte(`\u`)); ok {
		low, behind := codeUnit(next)
		if r := utf16.DecodeRune(unit, low); r != utf8.RuneError {
			return utf8.AppendRune(dst, r), behind
		}
	}
	return append(dst, 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f), rest
}

// codeUnit returns what the four hexadecimal digits that text begins with stand for.
func codeUnit(text []byte) (unit rune, rest []byte) {
	n := min(4, len(text))
	v, _ := strconv.ParseUint(string(text[:n]), 16, 16)
	return rune(v), text[n:]
}
