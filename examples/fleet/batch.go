package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// A batch is an array of records, each an array of the engine's index and the
// payload: [[0, {"types": ..., "data": ...}], ...].

// encodeBatch returns the batch of the given records.
func encodeBatch(records ...record) []byte {
	batch := msgp.AppendArrayHeader(nil, uint32(len(records))) //nolint:gosec // A batch is small.
	for _, r := range records {
		batch = msgp.AppendArrayHeader(batch, 2)
		batch = msgp.AppendInt(batch, r.engine)
		batch = r.payload.AppendMessagePack(batch)
	}
	return batch
}

// decodeBatch returns the records of a batch. bad names single entries that were
// left out of payloads; err says that the batch as a whole is none.
func decodeBatch(body []byte) (records []record, bad, err error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(body)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("batch: %w", err)
	case n > maxRecords:
		return nil, nil, fmt.Errorf("batch of %d records: at most %d are taken", n, maxRecords)
	}
	for i := range n {
		var r record
		var entries error
		if r, rest, entries, err = decodeRecord(rest); err != nil {
			return nil, nil, fmt.Errorf("record %d of %d: %w", i+1, n, err)
		}
		records = append(records, r)
		bad = errors.Join(bad, entries)
	}
	if len(rest) > 0 {
		return nil, nil, fmt.Errorf("%d bytes after the batch", len(rest))
	}
	return records, bad, nil
}

func decodeRecord(data []byte) (r record, rest []byte, bad, err error) {
	fields, rest, err := msgp.ReadArrayHeaderBytes(data)
	if err == nil && fields != 2 {
		err = fmt.Errorf("array of %d: expected the engine's index and the payload", fields)
	}
	if err != nil {
		return r, nil, nil, err
	}
	engine, rest, err := msgp.ReadInt64Bytes(rest)
	if err != nil {
		return r, nil, nil, fmt.Errorf("engine's index: %w", err)
	}
	if engine < 0 || engine > math.MaxInt32 {
		return r, nil, nil, fmt.Errorf("engine's index %d: expected one from 0", engine)
	}
	r = record{engine: int(engine), payload: new(stats.Payload)}
	rest, err = stats.Decoder{Limits: stats.Limits{Bytes: maxBody}}.MessagePack(rest, r.payload)
	var broken *stats.DecodeError
	if errors.As(err, &broken) {
		return r, nil, nil, err
	}
	return r, rest, err, nil
}
