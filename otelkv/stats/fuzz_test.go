// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/otelkv/otelkv-go/internal/conformance"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// fuzzLimits are low enough for the fuzzer to reach.
var fuzzLimits = stats.Limits{Bytes: 4096, Metrics: 8, Entries: 16, Samples: 64, LabelValues: 3, LabelLength: 64, Info: 4, Connectors: 3}

func FuzzDecodeJSON(f *testing.F) {
	for _, test := range decodeTests {
		f.Add([]byte(test.json))
	}
	f.Add(conformance.Cases(f)[0].JSONRecords(f)[0].Stats)
	decoder := stats.Decoder{Limits: fuzzLimits}
	var reused stats.Payload
	f.Fuzz(func(t *testing.T, data []byte) {
		var p stats.Payload
		err := decoder.JSON(data, &p)
		checkDecoded(t, &p, err)
		if failure := (*stats.DecodeError)(nil); errors.As(err, &failure) && (failure.Offset < 0 || failure.Offset > len(data)) {
			t.Errorf("%v in %d bytes", err, len(data))
		}
		if again := decoder.JSON(data, &reused); (again == nil) != (err == nil) {
			t.Errorf("a reused payload gives %v, a new one %v", again, err)
		}
		compare(t, &p, &reused)
		checkRoundTrip(t, &p)
		if mayBeWrapped(data, err) {
			stats := slices.Concat([]byte(`{"num_running_reqs":1,"kv_connector_stats":`), data, []byte(`,"perf_stats":{"types":{}}}`))
			checkWrapped(t, &p, err, outputs.JSON(stats, &reused), &reused)
			message := slices.Concat([]byte(`[0,[{"types":{}}],`), stats, []byte(`,1.5]`))
			checkWrapped(t, &p, err, outputs.JSON(message, &reused), &reused)
		}
	})
}

// outputs decodes what the fuzzer made inside of other values.
var outputs = stats.Decoder{Limits: wider(fuzzLimits), EngineCoreOutputs: true}

func wider(l stats.Limits) stats.Limits {
	l.Bytes += 256
	return l
}

// mayBeWrapped reports whether data is a value that means the same inside a
// SchedulerStats. A SchedulerStats itself does not.
func mayBeWrapped(data []byte, err error) bool {
	failed := errors.As(err, new(*stats.DecodeError))
	return !failed && !bytes.Contains(data, []byte("kv_connector_stats")) && !bytes.Contains(data, []byte(`\u`))
}

// checkWrapped checks that a payload is the same inside a SchedulerStats and inside an
// EngineCoreOutputs, unless it is too deep there.
func checkWrapped(t *testing.T, want *stats.Payload, wantErr, err error, got *stats.Payload) {
	t.Helper()
	if errors.Is(err, stats.ErrTooLarge) && got.IsEmpty() {
		return
	}
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Errorf("inside other stats: %v, want %v", err, wantErr)
	}
	compare(t, want, got)
}

func FuzzDecodeMessagePack(f *testing.F) {
	for _, test := range decodeTests {
		f.Add(pack(f, test.messagePack))
	}
	f.Add(conformance.Cases(f)[0].MessagePackRecords(f)[0].Stats)
	decoder := stats.Decoder{Limits: fuzzLimits}
	var reused stats.Payload
	f.Fuzz(func(t *testing.T, given []byte) {
		data := slices.Clone(given)
		var p stats.Payload
		rest, err := decoder.MessagePack(data, &p)
		checkDecoded(t, &p, err)
		if rest != nil && !slices.Equal(rest, data[len(data)-len(rest):]) {
			t.Errorf("rest is no end of the input")
		}
		if _, again := decoder.MessagePack(data, &reused); (again == nil) != (err == nil) {
			t.Errorf("a reused payload gives %v, a new one %v", again, err)
		}
		compare(t, &p, &reused)
		if !slices.Equal(given, data) {
			t.Error("the input was changed")
		}
		// The payload keeps nothing of the input.
		before := dump(&p)
		clear(data)
		if diff := cmp.Diff(before, dump(&p)); diff != "" {
			t.Errorf("after clearing the input (-want +got):\n%s", diff)
		}
		checkRoundTrip(t, &p)
		if value := given[:len(given)-len(rest)]; mayBeWrapped(value, err) {
			stats := pack(t, fields{"num_running_reqs", 1, "kv_connector_stats", raw(value), list{"k", 1}, fields{"types", nil}})
			_, wrapped := outputs.MessagePack(stats, &reused)
			checkWrapped(t, &p, err, wrapped, &reused)
			_, wrapped = outputs.MessagePack(pack(t, list{0, list{fields{"types", nil}}, raw(stats), 1.5}), &reused)
			checkWrapped(t, &p, err, wrapped, &reused)
		}
	})
}

func compare(t *testing.T, want, got *stats.Payload) {
	t.Helper()
	if diff := cmp.Diff(dump(want), dump(got), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// checkDecoded checks what is true of every payload and error that a decoder returns.
func checkDecoded(t *testing.T, p *stats.Payload, err error) {
	t.Helper()
	if err != nil && len(err.Error()) > 65*1024 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
	if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < 0x20 && r != '\n' }) {
		t.Errorf("an error with control characters: %q", err)
	}
	if errors.As(err, new(*stats.DecodeError)) && !p.IsEmpty() {
		t.Errorf("%v, but the payload holds %q", err, dump(p))
	}
	metrics, entries, samples := size(p)
	connectors := 0
	for name, child := range p.Connectors() {
		connectors++
		if !utf8.ValidString(name) || len(name) > fuzzLimits.LabelLength {
			t.Errorf("a connector is called %q", name)
		}
		m, e, s := size(child)
		metrics, entries, samples = metrics+m, entries+e, samples+s
	}
	if metrics > fuzzLimits.Metrics || entries > fuzzLimits.Entries || samples > fuzzLimits.Samples {
		t.Errorf("%d metrics, %d entries, %d samples: over the limits", metrics, entries, samples)
	}
	for name := range p.Ignored() {
		connectors++
		if !utf8.ValidString(name) || len(name) > fuzzLimits.LabelLength {
			t.Errorf("%q was ignored", name)
		}
	}
	// A connector can be both, and "other" comes on top.
	if connectors > 2*fuzzLimits.Connectors+1 {
		t.Errorf("%d connectors: over the limit", connectors)
	}
}

func size(p *stats.Payload) (metrics, entries, samples int) {
	for m := range p.Metrics() {
		metrics++
		for e := range m.Entries() {
			entries++
			samples += len(e.Samples())
		}
	}
	return metrics, entries, samples
}

// checkRoundTrip encodes and decodes a payload in both formats, into a payload that has
// the same entries already.
func checkRoundTrip(t *testing.T, p *stats.Payload) {
	t.Helper()
	compare := func(t *testing.T, want, got *stats.Payload) {
		t.Helper()
		if diff := cmp.Diff(dumpContent(want), dump(got), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	var q stats.Payload
	if err := decodeMessagePack(p.AppendMessagePack(nil), &q); err != nil {
		t.Errorf("decoding what was encoded as MessagePack: %v", err)
	}
	compare(t, p, &q)
	for range 2 {
		err := decodeJSON(p.AppendJSON(nil), &q)
		if isFinite(p) {
			compare(t, p, &q)
		}
		if err != nil && isFinite(p) {
			t.Errorf("decoding what was encoded as JSON: %v", err)
		}
	}
}

// isFinite reports whether JSON can hold all of p.
func isFinite(p *stats.Payload) bool {
	for m := range p.Metrics() {
		for e := range m.Entries() {
			numbers := e.Samples()
			if m.Kind() != schema.KindHistogram {
				numbers = []stats.Number{e.Value()}
			}
			for _, n := range numbers {
				if n.Float64()-n.Float64() != 0 {
					return false
				}
			}
		}
	}
	for _, child := range p.Connectors() {
		if !isFinite(child) {
			return false
		}
	}
	return true
}
