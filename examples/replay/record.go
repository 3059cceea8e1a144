package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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

// errFraming wraps what makes the rest of a stream unreadable.
var errFraming = errors.New("the rest of the stream cannot be read")

// A recordReader reads one record after the other. Next returns io.EOF at the
// end, an error that wraps errFraming where nothing more can be read, and any
// other error for a record of which only the good entries, if any, were read
// into r. Position tells which record that was, counted from 1.
type recordReader interface {
	next(r *record) error
	position() int
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

func (l *jsonLines) next(r *record) error {
	for {
		line, err := l.line()
		if err != nil {
			return err
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
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func decodeJSONRecord(line []byte, r *record) error {
	r.stats.Reset()
	var envelope struct {
		Engine *int            `json:"engine"`
		Stats  json.RawMessage `json:"stats"`
	}
	err := json.Unmarshal(line, &envelope)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "engine":
		return fmt.Errorf(`"engine": expected an index, got a %s`, wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf(`expected an object with "engine" and "stats", got a %s`, wrong.Value)
	case err != nil:
		return err
	}
	if envelope.Engine == nil {
		return errors.New(`no "engine": expected an object with "engine" and "stats"`)
	}
	if envelope.Stats == nil {
		return errors.New(`no "stats": expected an object with "engine" and "stats"`)
	}
	r.engine = *envelope.Engine
	return stats.Decoder{}.JSON(envelope.Stats, &r.stats)
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

func (m *messagePackStream) next(r *record) error {
	m.number++
	object, err := m.object()
	if err != nil {
		return err
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
				return nil, fmt.Errorf("%w: %w", err, errFraming)
			case len(m.buffer) > maxRecord:
				return nil, fmt.Errorf("the record is longer than %d bytes: %w", maxRecord, errFraming)
			case m.ended:
				return nil, fmt.Errorf("the stream is truncated after %d bytes of a record: %w", len(m.buffer), errFraming)
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
	return err
}

func decodeMessagePackRecord(object []byte, r *record) error {
	r.stats.Reset()
	n, rest, err := msgp.ReadMapHeaderBytes(object)
	if err != nil {
		return fmt.Errorf("expected a map with \"engine\" and \"stats\": %w", err)
	}
	var entries error
	var hasEngine, hasStats bool
	for range n {
		var key []byte
		if key, rest, err = msgp.ReadStringZC(rest); err != nil {
			return fmt.Errorf("record key: %w", err)
		}
		switch string(key) {
		case "engine":
			hasEngine = true
			if r.engine, rest, err = msgp.ReadIntBytes(rest); err != nil {
				return fmt.Errorf("engine: %w", err)
			}
		case "stats":
			hasStats = true
			rest, entries = stats.Decoder{}.MessagePack(rest, &r.stats)
			if entries != nil && rest == nil {
				return entries
			}
		default:
			if rest, err = msgp.Skip(rest); err != nil {
				return err
			}
		}
	}
	if !hasEngine || !hasStats {
		r.stats.Reset()
		return errors.New(`expected a map with "engine" and "stats"`)
	}
	return entries
}
