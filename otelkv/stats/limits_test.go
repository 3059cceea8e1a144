// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// TestLimits decodes payloads that reach each limit, and payloads with one more.
func TestLimits(t *testing.T) {
	metrics := func(n int) *stats.Payload {
		b := build(t)
		for i := range n {
			b.counter(fmt.Sprint("m", i), stats.Int64(1))
		}
		return b.Payload
	}
	entries := func(n int) *stats.Payload {
		b := build(t)
		for i := range n {
			b.counter(fmt.Sprint("m", i%2), stats.Int64(1), fmt.Sprint(i))
		}
		return b.Payload
	}
	samples := func(n int) *stats.Payload {
		b := build(t)
		for i := range n {
			b.histogram("h", ints(int64(i)), fmt.Sprint(i%2))
		}
		return b.Payload
	}
	info := func(n int) *stats.Payload {
		var p stats.Payload
		facts := map[string]string{}
		for i := range n {
			facts[fmt.Sprint(i)] = "v"
		}
		p.SetInfo(facts)
		return &p
	}
	connectors := func(n int) *stats.Payload {
		b := build(t)
		for i := range n {
			b.check(b.Connector(fmt.Sprint("C", i)).AddCounter("c", stats.Int64(1)))
		}
		return b.Payload
	}
	series := func(n int) *stats.Payload {
		var p stats.Payload
		p.SetInfo(slices.Repeat([]map[string]string{{"k": "v"}}, n)...)
		return &p
	}
	tests := []struct {
		name   string
		limits stats.Limits
		make   func(int) *stats.Payload
		text   string
	}{
		{"metrics", stats.Limits{Metrics: 3}, metrics, "more than 3 types"},
		{"entries", stats.Limits{Entries: 3}, entries, "more than 3 entries"},
		{"samples", stats.Limits{Samples: 3}, samples, "more than 3 samples"},
		{"info", stats.Limits{Info: 3}, info, "more than 3 facts in info"},
		{"info series", stats.Limits{Info: 3}, series, "more than 3 series in info"},
		{"connectors", stats.Limits{Connectors: 3}, connectors, "more than 3 connectors"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			decoder := stats.Decoder{Limits: test.limits}
			var p stats.Payload
			for _, format := range []struct {
				name   string
				decode func([]byte) error
				within []byte
				beyond []byte
			}{
				{"json", func(data []byte) error { return decoder.JSON(data, &p) }, test.make(3).AppendJSON(nil), test.make(4).AppendJSON(nil)},
				{"messagepack", func(data []byte) error { _, err := decoder.MessagePack(data, &p); return err },
					test.make(3).AppendMessagePack(nil), test.make(4).AppendMessagePack(nil)},
			} {
				if err := format.decode(format.within); err != nil {
					t.Errorf("%s: within the limit: %v", format.name, err)
				}
				expect(t, &p, dump(test.make(3))...)
				err := format.decode(format.beyond)
				if !errors.Is(err, stats.ErrTooLarge) || !strings.Contains(fmt.Sprint(err), test.text) || !p.IsEmpty() {
					t.Errorf("%s: beyond the limit: got %v, empty %t, want %q", format.name, err, p.IsEmpty(), test.text)
				}
			}
		})
	}
}

func TestLimitMetricsWithoutTypes(t *testing.T) {
	var p stats.Payload
	err := stats.Decoder{Limits: stats.Limits{Metrics: 2}}.JSON([]byte(`{"data": {"a": 1, "b": 2, "c": 3}}`), &p)
	if !errors.Is(err, stats.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

// TestLimitEntriesThatAreNone checks that invalid entries count too: reporting one costs
// more than decoding one.
func TestLimitEntriesThatAreNone(t *testing.T) {
	decoder := stats.Decoder{Limits: stats.Limits{Entries: 2}}
	for name, entries := range map[string]string{
		"numbers":   `{"labels": [], "value": 1}, 1`,
		"empty":     `{}, {}`,
		"no labels": `{"value": 1}, {"labels": 1, "value": 1}`,
	} {
		t.Run(name, func(t *testing.T) {
			var p stats.Payload
			within := fmt.Sprintf(`{"types": {"c": "counter"}, "data": {"c": [%s]}}`, entries)
			if err := decoder.JSON([]byte(within), &p); errors.Is(err, stats.ErrTooLarge) {
				t.Errorf("within the limit: %v", err)
			}
			beyond := fmt.Sprintf(`{"types": {"c": "counter"}, "data": {"c": [%s, {}]}}`, entries)
			if err := decoder.JSON([]byte(beyond), &p); !errors.Is(err, stats.ErrTooLarge) || !p.IsEmpty() {
				t.Errorf("beyond the limit: got %v, want ErrTooLarge", err)
			}
		})
	}
}

// TestBadSamplesTakeNoMemory decodes a list whose samples are all bad.
func TestBadSamplesTakeNoMemory(t *testing.T) {
	input := fmt.Appendf(nil, `{"types": {"h": "histogram"}, "data": {"h": [%s1e999]}}`, strings.Repeat("null,", 1000))
	var p stats.Payload
	allocations := testing.AllocsPerRun(10, func() {
		err := decodeJSON(input, &p)
		if want := `otelkv: metric "h": bad number: expected numbers for samples, got null`; fmt.Sprint(err) != want {
			t.Fatalf("got %v, want %s", err, want)
		}
	})
	if allocations > 100 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestLimitBytes(t *testing.T) {
	whole := build(t).counter("c", stats.Int64(300), "label")
	var p stats.Payload
	for format, data := range map[string][]byte{"json": whole.AppendJSON(nil), "messagepack": whole.AppendMessagePack(nil)} {
		decode := map[string]func(stats.Decoder, []byte) error{
			"json":        func(d stats.Decoder, data []byte) error { return d.JSON(data, &p) },
			"messagepack": func(d stats.Decoder, data []byte) error { _, err := d.MessagePack(data, &p); return err },
		}[format]
		if err := decode(stats.Decoder{Limits: stats.Limits{Bytes: len(data)}}, data); err != nil {
			t.Errorf("%s: within the limit: %v", format, err)
		}
		if err := decode(stats.Decoder{Limits: stats.Limits{Bytes: len(data) - 1}}, data); !errors.Is(err, stats.ErrTooLarge) || !p.IsEmpty() {
			t.Errorf("%s: beyond the limit: got %v, want ErrTooLarge", format, err)
		}
	}
	// What follows a payload is no part of it.
	data := append(whole.AppendMessagePack(nil), make([]byte, 1000)...)
	rest, err := stats.Decoder{Limits: stats.Limits{Bytes: len(data) - 1000}}.MessagePack(data, &p)
	if err != nil || len(rest) != 1000 {
		t.Errorf("got %d bytes of rest and %v, want 1000 and no error", len(rest), err)
	}
}

// TestLimitsOfOneEntry checks that a label value over its limit costs only its own entry.
func TestLimitsOfOneEntry(t *testing.T) {
	sent := build(t).
		counter("c", stats.Int64(1), "1234", "5678").
		counter("c", stats.Int64(2), "12345").
		counter("c", stats.Int64(3), "a", "b", "c").
		counter("long name", stats.Int64(4))
	sent.SetInfo(map[string]string{"k": "12345", "12345": "v", "ok": "v"})
	sent.check(sent.Connector("long name").AddCounter("c", stats.Int64(1)))
	decoder := stats.Decoder{Limits: stats.Limits{LabelLength: 4, LabelValues: 2}}
	var p stats.Payload
	errJSON := decoder.JSON(sent.AppendJSON(nil), &p)
	expect(t, &p, "info", "  ok=v", "counter c", "  (1234,5678): 1")
	_, errMessagePack := decoder.MessagePack(sent.AppendMessagePack(nil), &p)
	expect(t, &p, "info", "  ok=v", "counter c", "  (1234,5678): 1")
	want := strings.Join([]string{
		`otelkv: metric "c": label value 0: too large: 5 bytes, more than 4`,
		`otelkv: metric "c": labels ["a" "b"]: bad label values: more than 2`,
		`otelkv: metric "long": name: too large: 9 bytes, more than 4`,
		`otelkv: info: label "12345": too large: 5 bytes, more than 4`,
		`otelkv: info: label "k": too large: 5 bytes, more than 4`,
		`otelkv: connector "long": name: too large: 9 bytes, more than 4`,
	}, "\n")
	for format, err := range map[string]error{"json": errJSON, "messagepack": errMessagePack} {
		if fmt.Sprint(err) != want {
			t.Errorf("%s:\ngot\n%v\nwant\n%s", format, err, want)
		}
	}
}

// TestClaimsTakeNoMemory decodes a few bytes that claim to be four billion.
func TestClaimsTakeNoMemory(t *testing.T) {
	claims := map[string][]byte{
		"map":     []byte("\xdf\xff\xff\xff\xff"),
		"types":   append(append([]byte("\x82\xa5types"), "\xdf\xff\xff\xff\xff"...), "\xa1a\xa1b"...),
		"samples": pack(t, step("h", "histogram", fields{list{}, raw("\xdd\xff\xff\xff\xff\x01")})),
		"labels":  pack(t, step("h", "histogram", raw("\x81\xdd\xff\xff\xff\xff\xa1a"))),
		"string":  pack(t, step("h", "histogram", raw("\x81\x91\xdb\xff\xff\xff\xffabc"))),
		"binary":  pack(t, fields{"x", raw("\xc6\xff\xff\xff\xffabc")}),
		"ext":     pack(t, fields{"x", raw("\xc9\xff\xff\xff\xff\x01abc")}),
	}
	for name, input := range claims {
		t.Run(name, func(t *testing.T) {
			var p stats.Payload
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := decodeMessagePack(input, &p)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, stats.ErrTruncated) {
				t.Errorf("got %v, want ErrTruncated", err)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<10 {
				t.Errorf("took %d bytes", taken)
			}
		})
	}
}
