// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// maxRecord is the size in bytes of the largest record that is read.
const maxRecord = 64 << 20

// A record is what one engine sent at the end of one interval.
type record struct {
	engine int
	stats  stats.Payload
}

// errFraming is wrapped by the errors after which nothing more can be read.
var errFraming = errors.New("the rest of the stream cannot be read")

func unreadable(err error) error { return fmt.Errorf("%w: %w", err, errFraming) }

// A recordReader reads one record after the other. Next reads one into r, and
// returns as entries what is wrong with single entries, which are left out of it.
// With err, r holds nothing of use: err is io.EOF at the end, wraps errFraming
// where nothing more can be read, and says otherwise what is wrong with the
// record. Position tells which record that was, counted from 1; of a file of lines
// it is the line.
type recordReader interface {
	next(r *record) (entries, err error)
	position() int
}

// split tells the errors of single entries, which a payload goes without, from
// one after which there is no payload.
func split(err error) (entries, whole error) {
	if _, ok := errors.AsType[*stats.DecodeError](err); ok {
		return nil, err
	}
	return err, nil
}

// A jsonLines reads a record a line.
type jsonLines struct {
	in     *bufio.Reader
	number int
}

func newJSONLines(in io.Reader) *jsonLines {
	return &jsonLines{in: bufio.NewReader(in)}
}

func (l *jsonLines) position() int { return l.number }

func (l *jsonLines) next(r *record) (entries, err error) {
	for {
		line, err := l.line()
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return decodeJSONRecord(line, r)
		}
	}
}

// line returns the next line, and skips one that is longer than a record may be.
func (l *jsonLines) line() ([]byte, error) {
	l.number++
	var line []byte
	for {
		part, err := l.in.ReadSlice('\n')
		if len(line) <= maxRecord {
			line = append(line, part...)
		}
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			if len(line) > maxRecord {
				return nil, fmt.Errorf("the record is longer than %d bytes", maxRecord)
			}
			return line, nil
		case errors.Is(err, io.EOF):
			return nil, err
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, unreadable(err)
		}
	}
}

// strayFloat finds strings, in which anything may stand, and what Python's json
// module writes for the floats that JSON has no form for.
var strayFloat = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"|NaN|-?Infinity`)

// withoutNaN returns line with null in the place of such floats, so that it is
// JSON. A payload is decoded without their entries, which are named.
func withoutNaN(line []byte) []byte {
	if !bytes.Contains(line, []byte("NaN")) && !bytes.Contains(line, []byte("Infinity")) {
		return line
	}
	return strayFloat.ReplaceAllFunc(line, func(found []byte) []byte {
		if found[0] == '"' {
			return found
		}
		return []byte("null")
	})
}

func decodeJSONRecord(line []byte, r *record) (entries, err error) {
	var envelope struct {
		Engine *int            `json:"engine"`
		Stats  json.RawMessage `json:"stats"`
	}
	err = json.Unmarshal(withoutNaN(line), &envelope)
	wrong, isType := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case isType && wrong.Field == "engine":
		return nil, fmt.Errorf(`"engine": expected an index, got %.64s`, wrong.Value)
	case isType:
		return nil, fmt.Errorf(`expected an object with "engine" and "stats", got %s`, wrong.Value)
	case err != nil:
		return nil, err
	case envelope.Engine == nil:
		return nil, errors.New(`no "engine": expected an object with "engine" and "stats"`)
	case envelope.Stats == nil:
		return nil, errors.New(`no "stats": expected an object with "engine" and "stats"`)
	}
	r.engine = *envelope.Engine
	return split(stats.Decoder{}.JSON(envelope.Stats, &r.stats))
}

// A messagePackStream reads concatenated MessagePack maps.
type messagePackStream struct {
	in     io.Reader
	buffer []byte // read and not yet decoded
	ended  bool
	number int
}

func newMessagePackStream(in io.Reader) *messagePackStream {
	return &messagePackStream{in: in}
}

func (m *messagePackStream) position() int { return m.number }

func (m *messagePackStream) next(r *record) (entries, err error) {
	m.number++
	object, err := m.object()
	if err != nil {
		return nil, err
	}
	return decodeMessagePackRecord(object, r)
}

// object returns the bytes of the next object, which stay valid until the next
// call.
func (m *messagePackStream) object() ([]byte, error) {
	for {
		if len(m.buffer) > 0 {
			rest, err := msgp.Skip(m.buffer)
			switch {
			case err == nil:
				object := m.buffer[:len(m.buffer)-len(rest)]
				m.buffer = rest
				return object, nil
			case !errors.Is(err, msgp.ErrShortBytes):
				return nil, unreadable(err)
			case len(m.buffer) > maxRecord:
				return nil, unreadable(fmt.Errorf("the record is longer than %d bytes", maxRecord))
			case m.ended:
				return nil, unreadable(fmt.Errorf("the stream is truncated after %d bytes of a record", len(m.buffer)))
			}
		} else if m.ended {
			return nil, io.EOF
		}
		if err := m.fill(); err != nil {
			return nil, err
		}
	}
}

// fill doubles what is read ahead.
func (m *messagePackStream) fill() error {
	grown := make([]byte, len(m.buffer), max(64<<10, 2*len(m.buffer)))
	copy(grown, m.buffer)
	n, err := io.ReadFull(m.in, grown[len(grown):cap(grown)])
	m.buffer = grown[:len(grown)+n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		m.ended = true
		return nil
	}
	if err != nil {
		return unreadable(err)
	}
	return nil
}

func decodeMessagePackRecord(object []byte, r *record) (entries, err error) {
	if msgp.NextType(object) == msgp.ArrayType {
		return decodeOutputs(object, r)
	}
	n, rest, err := msgp.ReadMapHeaderBytes(object)
	if err != nil {
		return nil, fmt.Errorf(`expected a map with "engine" and "stats": %w`, err)
	}
	var hasEngine, hasStats bool
	for range n {
		var key []byte
		if key, rest, err = msgp.ReadStringZC(rest); err != nil {
			return nil, fmt.Errorf("record key: %w", err)
		}
		switch string(key) {
		case "engine":
			hasEngine = true
			if r.engine, rest, err = msgp.ReadIntBytes(rest); err != nil {
				return nil, fmt.Errorf(`"engine": expected an index: %w`, err)
			}
		case "stats":
			hasStats = true
			rest, err = stats.Decoder{}.MessagePack(rest, &r.stats)
			if entries, err = split(err); err != nil {
				return nil, err
			}
		default:
			if rest, err = msgp.Skip(rest); err != nil {
				return nil, err
			}
		}
	}
	switch {
	case !hasEngine:
		return nil, errors.New(`no "engine": expected a map with "engine" and "stats"`)
	case !hasStats:
		return nil, errors.New(`no "stats": expected a map with "engine" and "stats"`)
	}
	return entries, nil
}

// decodeOutputs decodes an EngineCoreOutputs. Its first item, the engine's index, is
// missing with all others where it is the default.
func decodeOutputs(object []byte, r *record) (entries, err error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(object)
	r.engine = 0
	if err == nil && n > 0 {
		r.engine, _, err = msgp.ReadIntBytes(rest)
	}
	if err != nil {
		return nil, fmt.Errorf("expected an engine's index as the first item: %w", err)
	}
	_, err = stats.Decoder{EngineCoreOutputs: true}.MessagePack(object, &r.stats)
	return split(err)
}
