// SPDX-License-Identifier: Apache-2.0

// Package conformance loads recorded streams of offloading stats and their expected
// metrics, for the tests of packages that decode, reduce, record and export them.
// testdata/README.md describes the files and the rules of their samples.
package conformance

import (
	"bytes"
	"embed"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"
)

//go:embed testdata
var files embed.FS

// A Case is one stream of payloads and its expected metrics. A test may change its case.
type Case struct {
	// Name is the file name's middle, such as "tiering-0".
	Name string
	// Spec is the catalogue: cpu, tiering or simple.
	Spec string
	// Model is the value of the model_name label.
	Model string
	// Engines are the indexes of the engines.
	Engines []int
	// JSONL is the records as lines of JSON.
	JSONL []byte
	// MessagePack is the same records as concatenated maps.
	MessagePack []byte
	// Samples maps a sample's name, followed by its labels as sorted JSON, to its value.
	Samples map[string]float64
	// Reduce is the flat summary of all records merged. The text of a number shows whether
	// it is an int or a float.
	Reduce map[string]json.Number
}

// A Record is one payload of one engine.
type Record struct {
	Engine int
	// Stats is the encoded payload.
	Stats []byte
}

// Cases returns all cases, sorted by name.
func Cases(t testing.TB) []Case {
	t.Helper()
	paths, err := fs.Glob(files, "testdata/case-*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("conformance: found %d cases: %v", len(paths), err)
	}
	cases := make([]Case, len(paths))
	for i, path := range paths {
		base := strings.TrimSuffix(path, ".json")
		c := Case{
			Name:        strings.TrimPrefix(base, "testdata/case-"),
			JSONL:       read(t, base+".jsonl"),
			MessagePack: read(t, base+".msgpack"),
		}
		decoder := json.NewDecoder(bytes.NewReader(read(t, path)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&struct {
			Spec    *string
			Model   *string
			Engines *[]int
			Samples *map[string]float64
			Reduce  *map[string]json.Number
		}{&c.Spec, &c.Model, &c.Engines, &c.Samples, &c.Reduce}); err != nil {
			t.Fatalf("conformance: %s: %v", path, err)
		}
		cases[i] = c
	}
	return cases
}

// JSONRecords splits the JSON stream into its records.
func (c Case) JSONRecords(t testing.TB) []Record {
	t.Helper()
	var records []Record
	for line := range bytes.Lines(c.JSONL) {
		var record struct {
			Engine int
			Stats  json.RawMessage
		}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("conformance: case %s: record %d: %v", c.Name, len(records)+1, err)
		}
		records = append(records, Record{Engine: record.Engine, Stats: record.Stats})
	}
	return records
}

// MessagePackRecords splits the MessagePack stream into its records.
func (c Case) MessagePackRecords(t testing.TB) []Record {
	t.Helper()
	var records []Record
	for rest := c.MessagePack; len(rest) > 0; {
		var record Record
		var err error
		record, rest, err = messagePackRecord(rest)
		if err != nil {
			t.Fatalf("conformance: case %s: record %d: %v", c.Name, len(records)+1, err)
		}
		records = append(records, record)
	}
	return records
}

func messagePackRecord(data []byte) (record Record, rest []byte, err error) {
	fields, rest, err := msgp.ReadMapHeaderBytes(data)
	if err != nil {
		return record, rest, err
	}
	for range fields {
		var field string
		if field, rest, err = msgp.ReadStringBytes(rest); err != nil {
			return record, rest, err
		}
		switch field {
		case "engine":
			record.Engine, rest, err = msgp.ReadIntBytes(rest)
		case "stats":
			start := rest
			if rest, err = msgp.Skip(rest); err == nil {
				record.Stats = start[:len(start)-len(rest)]
			}
		default:
			rest, err = msgp.Skip(rest)
		}
		if err != nil {
			return record, rest, err
		}
	}
	return record, rest, nil
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := files.ReadFile(path)
	if err != nil {
		t.Fatalf("conformance: %v", err)
	}
	return data
}
