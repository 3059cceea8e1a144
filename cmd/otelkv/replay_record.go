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

var errRecordSize = fmt.Errorf("the record is longer than %d bytes", maxRecord)

// A record is what one engine sent at the end of one interval.
type record struct {
	number int // from 1; in a file of lines, the number of the line
	engine int
	stats  stats.Payload
}

// A recordReader reads the next record into r. entries joins the errors of single
// entries, which r does not have. With err, only r's number is valid. err is io.EOF at
// the end, wraps errUnreadable if nothing more can be read, and otherwise says what is
// wrong with the record.
type recordReader func(r *record) (entries, err error)

var errUnreadable = errors.New("the rest of the stream cannot be read")

func unreadable(err error) error { return fmt.Errorf("%w: %w", err, errUnreadable) }

// split returns the errors of single entries, or the one for which there is no payload.
func split(err error) (entries, whole error) {
	if _, ok := errors.AsType[*stats.DecodeError](err); ok {
		return nil, err
	}
	return err, nil
}

// jsonLines reads one record from each line that is not blank.
func jsonLines(in io.Reader) recordReader {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxRecord)
	number := 0
	return func(r *record) (entries, err error) {
		for lines.Scan() {
			number++
			if len(bytes.TrimSpace(lines.Bytes())) > 0 {
				r.number = number
				return decodeJSONRecord(lines.Bytes(), r)
			}
		}
		r.number = number + 1
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return nil, unreadable(errRecordSize)
		case err != nil:
			return nil, unreadable(err)
		}
		return nil, io.EOF
	}
}

// stringOrFloat matches strings, and the floats of Python's json module that are not
// JSON.
var stringOrFloat = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"|NaN|-?Infinity`)

// withoutNaN replaces floats that are not JSON by null. Decoding then leaves out their
// entries, and names them.
func withoutNaN(line []byte) []byte {
	if !bytes.Contains(line, []byte("NaN")) && !bytes.Contains(line, []byte("Infinity")) {
		return line
	}
	return stringOrFloat.ReplaceAllFunc(line, func(found []byte) []byte {
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
		return nil, errNoEngine
	case envelope.Stats == nil:
		return nil, errNoStats
	}
	r.engine = *envelope.Engine
	return split(stats.Decoder{}.JSON(envelope.Stats, &r.stats))
}

var (
	errNoEngine = errors.New(`no "engine": expected a record with "engine" and "stats"`)
	errNoStats  = errors.New(`no "stats": expected a record with "engine" and "stats"`)
)

// A boundedBuffer keeps at most maxRecord bytes.
type boundedBuffer struct{ bytes []byte }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if len(b.bytes)+len(p) > maxRecord {
		return 0, errRecordSize
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

// messagePackRecords reads concatenated MessagePack objects.
func messagePackRecords(in io.Reader) recordReader {
	reader := msgp.NewReaderSize(in, 64<<10)
	var object boundedBuffer
	number := 0
	return func(r *record) (entries, err error) {
		number++
		r.number = number
		object.bytes = object.bytes[:0]
		if _, err := reader.R.Peek(1); errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		_, err = reader.CopyNext(&object)
		switch {
		case err == nil:
			return decodeMessagePackRecord(object.bytes, r)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, msgp.ErrShortBytes):
			err = errors.New("the stream is truncated in the middle of a record")
		}
		return nil, unreadable(err)
	}
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
		return nil, errNoEngine
	case !hasStats:
		return nil, errNoStats
	}
	return entries, nil
}

// decodeOutputs decodes an EngineCoreOutputs. Its first item is the engine's index. An
// empty array is engine 0, as msgspec leaves out trailing defaults.
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
