// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

const (
	// MaxBatch is the size in bytes of the largest batch that a receiver accepts.
	MaxBatch = 1 << 20

	maxRecords = 1024 // in a batch
	maxName    = 256  // bytes of a sender's name and of its run
)

// A batch is what a sender delivers in one request or frame.
type batch struct {
	senderKey
	sequence uint64
	token    string
	records  []record

	// droppedPayloads and droppedSamples are what the sender dropped since its last
	// batch.
	droppedPayloads int64
	droppedSamples  int64

	// malformed joins an error for each entry that could not be decoded and was left
	// out.
	malformed error
}

// A record is the payload of one engine.
type record struct {
	engine  int
	model   string
	time    time.Time // when its newest value was written, or zero
	payload stats.Payload
}

// decodeBatch decodes a batch. With an error, the batch holds the fields before it.
func decodeBatch(data []byte) (*batch, error) {
	b := new(batch)
	n, rest, err := msgp.ReadMapHeaderBytes(data)
	if err != nil {
		return b, fmt.Errorf("expected a map: %w", err)
	}
	var name []byte
	for range n {
		if name, rest, err = msgp.ReadStringZC(rest); err != nil {
			return b, fmt.Errorf("a field's name: %w", err)
		}
		if rest, err = b.decodeField(string(name), rest); err != nil {
			return b, fmt.Errorf("field %.32q: %w", name, err)
		}
	}
	if len(rest) > 0 {
		return b, fmt.Errorf("%d bytes after the batch", len(rest))
	}
	if b.sequence == 0 {
		err = errors.New(`field "sequence": expected a number, from 1`)
	}
	return b, errors.Join(checkName("sender", b.Sender, 1), checkName("run", b.Run, 0), err)
}

func (b *batch) decodeField(name string, data []byte) (rest []byte, err error) {
	switch name {
	case "sender":
		b.Sender, rest, err = msgp.ReadStringBytes(data)
	case "run":
		b.Run, rest, err = msgp.ReadStringBytes(data)
	case "token":
		b.token, rest, err = msgp.ReadStringBytes(data)
	case "sequence":
		b.sequence, rest, err = msgp.ReadUint64Bytes(data)
	case "dropped_payloads":
		b.droppedPayloads, rest, err = readCount(data)
	case "dropped_samples":
		b.droppedSamples, rest, err = readCount(data)
	case "records":
		return b.decodeRecords(data)
	default:
		return msgp.Skip(data)
	}
	return rest, err
}

// readCount reads a number that is not negative.
func readCount(data []byte) (n int64, rest []byte, err error) {
	n, rest, err = msgp.ReadInt64Bytes(data)
	if err == nil && n < 0 {
		err = fmt.Errorf("%d is negative", n)
	}
	return n, rest, err
}

// checkName returns an error for a name with fewer than shortest bytes, with too many,
// or with characters that do not belong in a name.
func checkName(field, name string, shortest int) error {
	switch {
	case len(name) < shortest:
		return fmt.Errorf("field %q: expected a name", field)
	case len(name) > maxName:
		return fmt.Errorf("field %q: expected at most %d bytes, got %d", field, maxName, len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("field %q: %.64q: expected valid UTF-8 without control characters", field, name)
	}
	return nil
}

func (b *batch) decodeRecords(data []byte) (rest []byte, err error) {
	b.records, b.malformed = nil, nil
	if msgp.NextType(data) == msgp.NilType {
		return msgp.ReadNilBytes(data)
	}
	n, rest, err := msgp.ReadArrayHeaderBytes(data)
	switch {
	case err != nil:
		return nil, err
	case n > maxRecords:
		return nil, fmt.Errorf("expected at most %d records, got %d", maxRecords, n)
	}
	b.records = make([]record, n)
	for i := range b.records {
		var malformed error
		if rest, malformed, err = b.records[i].decode(rest); err != nil {
			return nil, fmt.Errorf("record %d of %d: %w", i+1, n, err)
		}
		b.malformed = errors.Join(b.malformed, malformed)
	}
	return rest, nil
}

// decode decodes an array of the engine's index, the model's name, the time in Unix
// seconds and the payload. malformed joins the errors of single entries.
func (r *record) decode(data []byte) (rest []byte, malformed, err error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(data)
	if err == nil && n != 4 {
		err = fmt.Errorf("array of %d: expected the engine's index, its model, the time and the payload", n)
	}
	if err != nil {
		return nil, nil, err
	}
	engine, rest, err := msgp.ReadInt64Bytes(rest)
	if err != nil {
		return nil, nil, fmt.Errorf("engine's index: %w", err)
	}
	// The recorder refuses -1, so only this record is left out.
	r.engine = -1
	if engine <= math.MaxInt32 {
		r.engine = int(engine)
	}
	if r.model, rest, err = msgp.ReadStringBytes(rest); err != nil {
		return nil, nil, fmt.Errorf("model: %w", err)
	}
	seconds, rest, err := readNumber(rest)
	if err != nil {
		return nil, nil, fmt.Errorf("time: %w", err)
	}
	// Later times would overflow the nanoseconds of a time.
	if seconds > 0 && seconds < 1<<33 {
		r.time = time.Unix(0, int64(seconds*1e9))
	}
	rest, err = stats.Decoder{Limits: stats.Limits{Bytes: MaxBatch}}.MessagePack(rest, &r.payload)
	if errors.As(err, new(*stats.DecodeError)) {
		return nil, nil, err
	}
	return rest, err, nil
}

// readNumber reads a float, or an integer as a float.
func readNumber(data []byte) (v float64, rest []byte, err error) {
	if t := msgp.NextType(data); t == msgp.IntType || t == msgp.UintType {
		n, rest, err := msgp.ReadInt64Bytes(data)
		return float64(n), rest, err
	}
	return msgp.ReadFloat64Bytes(data)
}
