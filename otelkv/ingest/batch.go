// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

const (
	// MaxBatch is the largest batch that is taken, in bytes.
	MaxBatch = 1 << 20

	maxRecords = 1024 // of a batch
	maxKept    = 256  // payloads of a batch that are kept for the next
	maxName    = 256  // bytes of a sender's name and of its run
)

// A batch is what a sender delivers at once.
type batch struct {
	sender   string
	run      string
	sequence uint64
	token    string
	records  []record

	// droppedPayloads and droppedSamples are what the sender had to drop since the
	// batch before.
	droppedPayloads int64
	droppedSamples  int64
}

// A record is the payload of one engine.
type record struct {
	engine  int
	model   string
	time    time.Time // when the newest of it happened, or zero
	payload *stats.Payload
}

// batches keeps batches with their payloads, which need no memory once they have
// seen the same metrics.
var batches = sync.Pool{New: func() any { return new(batch) }}

// release gives the batch back. Nobody uses its payloads any more.
func (b *batch) release() {
	records := b.records[:0]
	if cap(records) > maxKept {
		records = nil
	}
	*b = batch{records: records}
	batches.Put(b)
}

// next returns the record after the last one, with an empty payload.
func (b *batch) next() *record {
	if len(b.records) < cap(b.records) {
		b.records = b.records[:len(b.records)+1]
	} else {
		b.records = append(b.records, record{})
	}
	r := &b.records[len(b.records)-1]
	if r.payload == nil {
		r.payload = new(stats.Payload)
	}
	*r = record{payload: r.payload}
	return r
}

// decode fills the batch. entries is what is wrong with single entries of payloads,
// which are left out; err says that the whole is no batch.
func (b *batch) decode(data []byte) (entries, err error) {
	n, rest, err := msgp.ReadMapHeaderBytes(data)
	if err != nil {
		return nil, fmt.Errorf("expected a map: %w", err)
	}
	var name []byte
	for range n {
		if name, rest, err = msgp.ReadStringZC(rest); err != nil {
			return nil, fmt.Errorf("a field's name: %w", err)
		}
		if rest, entries, err = b.decodeField(string(name), rest, entries); err != nil {
			return nil, fmt.Errorf("field %.32q: %w", name, err)
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes after the batch", len(rest))
	}
	return entries, b.check()
}

func (b *batch) decodeField(name string, data []byte, bad error) (rest []byte, entries, err error) {
	entries = bad
	switch name {
	case "sender":
		b.sender, rest, err = msgp.ReadStringBytes(data)
	case "run":
		b.run, rest, err = msgp.ReadStringBytes(data)
	case "token":
		b.token, rest, err = msgp.ReadStringBytes(data)
	case "sequence":
		b.sequence, rest, err = msgp.ReadUint64Bytes(data)
	case "dropped_payloads":
		b.droppedPayloads, rest, err = readCount(data)
	case "dropped_samples":
		b.droppedSamples, rest, err = readCount(data)
	case "records":
		rest, entries, err = b.decodeRecords(data)
		entries = errors.Join(bad, entries)
	default:
		rest, err = msgp.Skip(data)
	}
	return rest, entries, err
}

// readCount reads a number that is not negative.
func readCount(data []byte) (n int64, rest []byte, err error) {
	n, rest, err = msgp.ReadInt64Bytes(data)
	if err == nil && n < 0 {
		err = fmt.Errorf("%d is negative", n)
	}
	return n, rest, err
}

// check says what is wrong with a batch whose fields could be read.
func (b *batch) check() error {
	return errors.Join(
		checkName("sender", b.sender, 1),
		checkName("run", b.run, 0),
		b.checkSequence(),
	)
}

func (b *batch) checkSequence() error {
	if b.sequence == 0 {
		return errors.New(`field "sequence": expected a number, from 1`)
	}
	return nil
}

// checkName says what is wrong with a name that has at least some bytes.
func checkName(field, name string, least int) error {
	switch {
	case len(name) < least:
		return fmt.Errorf("field %q: expected a name", field)
	case len(name) > maxName:
		return fmt.Errorf("field %q: it has %d bytes, at most %d are taken", field, len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("field %q: %.64q: expected valid UTF-8 without control characters", field, name)
	}
	return nil
}

func (b *batch) decodeRecords(data []byte) (rest []byte, entries, err error) {
	if b.records = b.records[:0]; msgp.NextType(data) == msgp.NilType {
		rest, err = msgp.ReadNilBytes(data)
		return rest, nil, err
	}
	n, rest, err := msgp.ReadArrayHeaderBytes(data)
	switch {
	case err != nil:
		return nil, nil, err
	case n > maxRecords:
		return nil, nil, fmt.Errorf("%d records: at most %d are taken", n, maxRecords)
	}
	for i := range n {
		var bad error
		if rest, bad, err = b.next().decode(rest); err != nil {
			return nil, nil, fmt.Errorf("record %d of %d: %w", i+1, n, err)
		}
		entries = errors.Join(entries, bad)
	}
	return rest, entries, nil
}

// decode fills the record: an array of the engine's index, the model's name, the
// time in Unix seconds and the payload.
func (r *record) decode(data []byte) (rest []byte, entries, err error) {
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
	// What no engine can have is found out when it is declared.
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
	// No clock shows more than this, and more would not fit a time.
	if seconds > 0 && seconds < 1<<33 {
		r.time = time.Unix(0, int64(seconds*1e9))
	}
	rest, err = stats.Decoder{Limits: stats.Limits{Bytes: MaxBatch}}.MessagePack(rest, r.payload)
	if broken := (*stats.DecodeError)(nil); errors.As(err, &broken) {
		return nil, nil, broken
	}
	return rest, err, nil
}

// readNumber reads a float, or an integer as one.
func readNumber(data []byte) (v float64, rest []byte, err error) {
	if t := msgp.NextType(data); t == msgp.IntType || t == msgp.UintType {
		n, rest, err := msgp.ReadInt64Bytes(data)
		return float64(n), rest, err
	}
	return msgp.ReadFloat64Bytes(data)
}
