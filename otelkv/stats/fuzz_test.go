package stats_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

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
		if again := decoder.JSON(data, &reused); (again == nil) != (err == nil) {
			t.Errorf("a reused payload gives %v, a new one %v", again, err)
		}
		compare(t, &p, &reused)
		checkRoundTrip(t, &p)
	})
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
	})
}

func compare(t *testing.T, want, got *stats.Payload) {
	t.Helper()
	if diff := cmp.Diff(dump(want), dump(got), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// checkDecoded holds what is true of every payload and error that a decoder
// returns.
func checkDecoded(t *testing.T, p *stats.Payload, err error) {
	t.Helper()
	if err != nil && len(err.Error()) > 65*1024 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
	if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < 0x20 && r != '\n' }) {
		t.Errorf("an error with control characters: %q", err)
	}
	if _, failed := errors.AsType[*stats.DecodeError](err); failed && !p.IsEmpty() {
		t.Errorf("%v, but the payload holds %q", err, dump(p))
	}
	metrics, entries, samples := size(p)
	for _, child := range p.Connectors() {
		m, e, s := size(child)
		metrics, entries, samples = metrics+m, entries+e, samples+s
	}
	if metrics > fuzzLimits.Metrics || entries > fuzzLimits.Entries || samples > fuzzLimits.Samples {
		t.Errorf("%d metrics, %d entries, %d samples: over the limits", metrics, entries, samples)
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

// checkRoundTrip sends a payload through both formats, each into a payload that
// holds the same entries already.
func checkRoundTrip(t *testing.T, p *stats.Payload) {
	t.Helper()
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
