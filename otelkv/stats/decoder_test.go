// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// fields is a MessagePack map, as alternating keys and values. The keys can have any
// type, repeat, and keep their order.
type fields []any

// list is a MessagePack array.
type list []any

// raw is encoded MessagePack.
type raw []byte

func pack(t testing.TB, v any) []byte { return appendPacked(t, nil, v) }

func appendPacked(t testing.TB, dst []byte, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case fields:
		dst = msgp.AppendMapHeader(dst, uint32(len(v)/2))
		for _, element := range v {
			dst = appendPacked(t, dst, element)
		}
		return dst
	case list:
		dst = msgp.AppendArrayHeader(dst, uint32(len(v)))
		for _, element := range v {
			dst = appendPacked(t, dst, element)
		}
		return dst
	case raw:
		return append(dst, v...)
	default:
		dst, err := msgp.AppendIntf(dst, v)
		if err != nil {
			t.Fatal(err)
		}
		return dst
	}
}

// step is a payload of one metric.
func step(name string, kind, entries any) fields {
	return fields{"types", fields{name, kind}, "data", fields{name, entries}}
}

// entryErrors returns the errors that a decoder joined, as lines.
func entryErrors(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v, want joined entry errors", err)
	}
	var lines []string
	for _, err := range joined.Unwrap() {
		if !errors.As(err, new(*stats.EntryError)) && !strings.HasPrefix(err.Error(), "otelkv: and ") {
			t.Errorf("%v is no EntryError", err)
		}
		lines = append(lines, strings.TrimPrefix(err.Error(), "otelkv: "))
	}
	return lines
}

// decodeTests are inputs that are payloads, at least in part. Most are in both formats.
var decodeTests = []struct {
	name        string
	json        string
	messagePack any
	want        []string
	errs        []string
}{
	{"null", `null`, nil, nil, nil},
	{"empty map", ` {} `, fields{}, nil, nil},
	{"null fields", `{"types": null, "data": null, "info": null}`, fields{"types", nil, "data", nil, "info", nil}, nil, nil},
	{"data before types",
		`{"data": {"m": [{"value": 7, "labels": ["a"]}]}, "types": {"m": "counter"}}`,
		fields{"data", fields{"m", fields{list{"a"}, 7}}, "types", fields{"m", "counter"}},
		[]string{"counter m", "  (a): 7"}, nil},
	{"unknown fields",
		`{"x": [{"data": 1}], "types": {"m": "counter"}, "y": null, "data": {"m": [{"labels": [], "value": 7, "z": [1]}]}, "z": "\""}`,
		fields{"x", list{fields{"data", 1}}, "types", fields{"m", "counter"}, "y", nil, "data", fields{"m", fields{list{}, 7}}, "z", "s"},
		[]string{"counter m", "  (): 7"}, nil},
	{"unlabelled numbers and samples, the older form",
		`{"types": {"c": "counter", "g": "gauge", "h": "histogram"}, "data": {"c": 7, "g": 0.5, "h": [1, 2.0]}}`,
		fields{"types", fields{"c", "counter", "g", "gauge", "h", "histogram"}, "data", fields{"c", 7, "g", 0.5, "h", list{1, 2.0}}},
		[]string{"counter c", "  (): 7", "gauge g", "  (): 0.5", "histogram h", "  (): 1 2.0"}, nil},
	{"unlabelled without samples", "",
		fields{"types", fields{"c", "counter", "h", "histogram"}, "data", fields{"c", 7, "h", list{}}},
		[]string{"counter c", "  (): 7", "histogram h", "  ():"}, nil},
	{"unlabelled list for a counter", "", step("c", "counter", list{}), nil,
		[]string{`metric "c": bad number: expected a number for a counter, got a list`}},
	{"kinds of number",
		`{"types": {"g": "gauge"}, "data": {"g": [{"labels": ["a"], "value": -9223372036854775808}, {"labels": ["b"], "value": -0}, {"labels": ["c"], "value": 1E2}, {"labels": ["d"], "value": -0.0}]}}`,
		step("g", "gauge", fields{list{"a"}, int64(math.MinInt64), list{"b"}, 0, list{"c"}, float32(100), list{"d"}, math.Copysign(0, -1)}),
		[]string{"gauge g", "  (a): -9223372036854775808", "  (b): 0", "  (c): 100.0", "  (d): -0.0"}, nil},
	{"widths of integers", "",
		step("g", "gauge", fields{list{"a"}, -1, list{"b"}, -100, list{"c"}, -1000, list{"d"}, -100000, list{"e"}, 200, list{"f"}, 60000,
			list{"g"}, uint64(math.MaxInt64), list{"h"}, raw{0xd0, 5}, list{"i"}, raw{0xd2, 0, 0, 0, 5}, list{"j"}, raw{0xce, 0xff, 0xff, 0xff, 0xff}}),
		[]string{"gauge g", "  (a): -1", "  (b): -100", "  (c): -1000", "  (d): -100000", "  (e): 200", "  (f): 60000",
			"  (g): 9223372036854775807", "  (h): 5", "  (i): 5", "  (j): 4294967295"}, nil},
	{"not finite", "",
		fields{"types", fields{"c", "counter", "h", "histogram"}, "data", fields{"c", fields{list{}, math.NaN()}, "h", fields{list{}, list{math.Inf(1), 1}}}},
		[]string{"counter c", "  (): nan", "histogram h", "  (): inf 1"}, nil},
	{"negative counter", `{"types": {"c": "counter"}, "data": {"c": -1}}`, step("c", "counter", -1),
		[]string{"counter c", "  (): -1"}, nil},
	{"metrics without entries",
		`{"types": {"c": "counter", "h": "histogram"}, "data": {"c": [], "h": []}}`,
		fields{"types", fields{"c", "counter", "h", "histogram"}, "data", fields{"c", fields{}, "h", fields{}}},
		[]string{"counter c", "histogram h"}, nil},
	{"empty samples",
		`{"types": {"h": "histogram"}, "data": {"h": [{"labels": [], "value": []}]}}`,
		step("h", "histogram", fields{list{}, list{}}),
		[]string{"histogram h", "  ():"}, nil},
	{"the same metric twice",
		`{"types": {"c": "gauge", "c": "counter"}, "data": {"c": [{"labels": ["a"], "value": 1}], "c": [{"labels": ["b"], "value": 2}]}}`,
		fields{"types", fields{"c", "gauge", "c", "counter"}, "data", fields{"c", fields{list{"a"}, 1}, "c", fields{list{"b"}, 2}}},
		[]string{"counter c", "  (a): 1", "  (b): 2"}, nil},
	{"strings",
		`{"types": {"c": "counter"}, "data": {"\u0063": [{"labels": ["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude42é", ""], "value": 1}]}}`,
		step("c", "counter", fields{list{"\"\\/\b\f\n\r\té🙂é", ""}, 1}),
		[]string{"counter c", "  (\"\\/\b\f\n\r\té🙂é,): 1"}, nil},
	{"info",
		`{"types": {}, "data": {}, "info": {"s": "v", "i": 16, "f": 2.0, "t": true, "u": false, "n": null}}`,
		fields{"types", fields{}, "data", fields{}, "info", fields{"s", "v", "i", 16, "f", 2.0, "t", true, "u", false, "n", nil}},
		[]string{"info", "  f=2.0", "  i=16", "  n=None", "  s=v", "  t=True", "  u=False"}, nil},
	{"empty info", `{"data": {}, "info": {}}`, fields{"data", fields{}, "info", fields{}}, []string{"info"}, nil},
	{"info of several series",
		`{"types": {}, "data": {}, "info": [{"tier": "0:primary", "n": 16}, {}, {"tier": "1:fs"}]}`,
		fields{"types", fields{}, "data", fields{}, "info", list{fields{"tier", "0:primary", "n", 16}, fields{}, fields{"tier", "1:fs"}}},
		[]string{"info", "  n=16", "  tier=0:primary", "info", "info", "  tier=1:fs"}, nil},
	{"info of no series", `{"data": {}, "info": []}`, fields{"data", fields{}, "info", list{}}, []string{"info of no series"}, nil},
	{"info of series that are none",
		`{"data": {}, "info": [5, {"a": [], "b": "v"}, null]}`,
		fields{"data", fields{}, "info", list{5, fields{"a", list{}, "b", "v"}, nil}},
		[]string{"info", "  b=v"},
		[]string{
			`info: malformed: expected a map, got a number`,
			`info: label "a": bad label values: expected a string, got a list`,
			`info: malformed: expected a map, got null`,
		}},
	{"bad info",
		`{"data": {}, "info": {"a": [1], "b": 1e999, "c": "v"}}`,
		fields{"data", fields{}, "info", fields{"a", list{1}, "b", uint64(math.MaxUint64), "c", "v"}},
		[]string{"info", "  c=v"},
		[]string{
			`info: label "a": bad label values: expected a string, got a list`,
			`info: label "b": bad number: an integer beyond int64 or a float beyond float64`,
		}},
	{"info that is no map", `{"data": {}, "info": 5}`, fields{"data", fields{}, "info", 5}, nil,
		[]string{`info: malformed: expected a list of maps, got a number`}},

	{"no types", `{"data": {"c": 1}}`, fields{"data", fields{"c", 1}}, nil,
		[]string{`metric "c": wrong kind: it is not in "types"`}},
	{"type missing",
		`{"types": {"d": "counter"}, "data": {"c": [{"labels": [], "value": [[]]}], "d": 1}}`,
		fields{"types", fields{"d", "counter"}, "data", fields{"c", fields{list{}, list{list{}}}, "d", 1}},
		[]string{"counter d", "  (): 1"},
		[]string{`metric "c": wrong kind: it is not in "types"`}},
	{"type unknown",
		`{"types": {"c": "summary", "d": 5, "e": "gauge", "unused": {}}, "data": {"c": 1, "d": 1, "e": 1}}`,
		fields{"types", fields{"c", "summary", "d", 5, "e", "gauge", "unused", fields{}}, "data", fields{"c", 1, "d", 1, "e", 1}},
		[]string{"gauge e", "  (): 1"},
		[]string{
			`metric "c": wrong kind: expected counter, gauge or histogram, got "summary"`,
			`metric "d": wrong kind: expected counter, gauge or histogram, got a number`,
		}},
	{"values that are no number",
		`{"types": {"c": "counter"}, "data": {"c": [{"labels": ["a"], "value": true}, {"labels": ["b"], "value": "1"}, {"labels": ["c"], "value": null}, {"labels": ["d"], "value": [1]}, {"labels": ["e"], "value": {"x": 1}}, {"labels": ["f"], "value": 6}]}}`,
		step("c", "counter", fields{list{"a"}, true, list{"b"}, "1", list{"c"}, nil, list{"d"}, list{1}, list{"e"}, fields{"x", 1}, list{"f"}, 6}),
		[]string{"counter c", "  (f): 6"},
		[]string{
			`metric "c": labels ["a"]: bad number: expected a number for a counter, got a bool`,
			`metric "c": labels ["b"]: bad number: expected a number for a counter, got a string`,
			`metric "c": labels ["c"]: bad number: expected a number for a counter, got null`,
			`metric "c": labels ["d"]: bad number: expected a number for a counter, got a list`,
			`metric "c": labels ["e"]: bad number: expected a number for a counter, got a map`,
		}},
	{"values that are no samples",
		`{"types": {"h": "histogram"}, "data": {"h": [{"labels": ["a"], "value": 5}, {"labels": ["b"], "value": [1, true, 2]}, {"labels": ["c"], "value": [1, 1e999]}, {"labels": ["d"], "value": [4]}]}}`,
		step("h", "histogram", fields{list{"a"}, 5, list{"b"}, list{1, true, 2}, list{"c"}, list{1, uint64(math.MaxUint64)}, list{"d"}, list{4}}),
		[]string{"histogram h", "  (d): 4"},
		[]string{
			`metric "h": labels ["a"]: bad number: expected a list of samples for a histogram, got a number`,
			`metric "h": labels ["b"]: bad number: expected numbers for samples, got a bool`,
			`metric "h": labels ["c"]: bad number: an integer beyond int64 or a float beyond float64`,
		}},
	{"numbers out of range",
		`{"types": {"g": "gauge"}, "data": {"g": [{"labels": ["a"], "value": 9223372036854775808}, {"labels": ["b"], "value": 1e999}, {"labels": ["c"], "value": 1}]}}`,
		nil,
		[]string{"gauge g", "  (c): 1"},
		[]string{
			`metric "g": labels ["a"]: bad number: an integer beyond int64 or a float beyond float64`,
			`metric "g": labels ["b"]: bad number: an integer beyond int64 or a float beyond float64`,
		}},
	{"label values that are none",
		`{"types": {"c": "counter"}, "data": {"c": [{"labels": [1], "value": 1}, {"labels": ["a", null, []], "value": 2}, {"labels": "a", "value": 3}, {"labels": {}, "value": 4}, {"labels": ["ok"], "value": 5}]}}`,
		step("c", "counter", fields{list{1}, 1, list{"a", nil, list{}}, 2, "a", 3, fields{}, 4, list{"ok"}, 5}),
		[]string{"counter c", "  (ok): 5"},
		[]string{
			`metric "c": bad label values: value 0 is a number, expected a string`,
			`metric "c": labels ["a"]: bad label values: value 1 is null, expected a string`,
			`metric "c": bad label values: expected a list of strings, got a string`,
			`metric "c": bad label values: expected a list of strings, got a map`,
		}},
	{"binary label value", "", step("c", "counter", fields{list{[]byte("a")}, 1}), nil,
		[]string{`metric "c": bad label values: value 0 is binary data, expected a string`}},
	{"entries as a map in JSON", `{"types": {"c": "counter"}, "data": {"c": {"a": 1}}}`, nil, nil,
		[]string{`metric "c": bad label values: expected a list of strings, got a string`}},
	{"label values not UTF-8",
		`{"types": {"c": "counter", "d` + "\xff" + `": "gauge"}, "data": {"c": [{"labels": ["` + "\xed\xa0\xbd" + `"], "value": 1}, {"labels": ["a", "` + "\xff" + `"], "value": 2}, {"labels": ["ok"], "value": 3}], "d` + "\xff" + `": 1}}`,
		fields{"types", fields{"c", "counter", "d\xff", "gauge"}, "data", fields{"c", fields{list{"\xed\xa0\xbd"}, 1, list{"a", "\xff"}, 2, list{"ok"}, 3}, "d\xff", 1}},
		[]string{"counter c", "  (ok): 3"},
		[]string{
			`metric "c": labels ["\xed\xa0\xbd"]: label value 0: not valid UTF-8`,
			`metric "c": labels ["a" "\xff"]: label value 1: not valid UTF-8`,
			`metric "d\xff": name: not valid UTF-8`,
		}},
	{"surrogates without a pair",
		`{"types": {"c": "counter"}, "data": {"c": [{"labels": ["\ud83d\ud83d\ude42"], "value": 1}, {"labels": ["\ude42\ud83d", "\ud83d\ufffd"], "value": 2}, {"labels": ["\ufffd\uFFFD�\\ufffd"], "value": 3}, {"labels": ["\ud83dx"], "value": 4}]}}`, nil,
		[]string{"counter c", "  (���\\ufffd): 3"},
		[]string{
			`metric "c": labels ["\\ud83d\\ud83d\\ude42\xff"]: label value 0: not valid UTF-8`,
			`metric "c": labels ["\\ude42\\ud83d\xff" "\\ud83d\\ufffd\xff"]: label value 0: not valid UTF-8`,
			`metric "c": labels ["\\ud83dx\xff"]: label value 0: not valid UTF-8`,
		}},
	{"duplicate label values",
		`{"types": {"c": "counter", "h": "histogram"}, "data": {"c": [{"labels": ["a"], "value": 1}, {"labels": ["a"], "value": 2}], "h": [{"labels": [], "value": [1]}, {"labels": [], "value": [2]}]}}`,
		fields{"types", fields{"c", "counter", "h", "histogram"}, "data", fields{"c", fields{list{"a"}, 1, list{"a"}, 2}, "h", fields{list{}, list{1}, list{}, list{2}}}},
		[]string{"counter c", "  (a): 1", "histogram h", "  (): 1"},
		[]string{
			`metric "c": labels ["a"]: bad label values: the entry occurs twice`,
			`metric "h": bad label values: the entry occurs twice`,
		}},
	{"incomplete entries",
		`{"types": {"c": "counter"}, "data": {"c": [{"labels": ["a"]}, {"value": 1}, {}, 5, {"labels": ["ok"], "value": 1}]}}`,
		nil,
		[]string{"counter c", "  (ok): 1"},
		[]string{
			`metric "c": malformed: expected labels and value`,
			`metric "c": malformed: expected labels and value`,
			`metric "c": malformed: expected labels and value`,
			`metric "c": malformed: expected a map with labels and value, got a number`,
		}},

	{"connectors",
		`{"A": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}, "B": {"types": {"c": "gauge"}, "data": {"c": 2}}, "C": {"data": {}}, "D": null}`,
		fields{"A", fields{"data", step("c", "counter", fields{list{}, 1})}, "B", step("c", "gauge", 2), "C", fields{"data", fields{}}, "D", nil},
		[]string{"connector A", "  counter c", "    (): 1", "connector B", "  gauge c", "    (): 2", "connector C", "connector D"}, nil},
	{"connectors without data", `{"A": {"data": null}, "B": {}, "C": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}}`,
		fields{"A", fields{"data", nil}, "B", fields{}, "C", fields{"data", step("c", "counter", 1)}},
		[]string{"connector A", "connector B", "connector C", "  counter c", "    (): 1"}, nil},
	{"connector with the name of a field",
		`{"types": {}, "data": {}, "connectors": {"types": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}}}`,
		fields{"types", fields{}, "data", fields{}, "connectors", fields{"types", fields{"data", step("c", "counter", 1)}}},
		[]string{"connector types", "  counter c", "    (): 1"}, nil},
	{"connector with data before types",
		`{"A": {"data": {"c": 1}, "types": {"c": "counter"}, "info": {"k": "v"}}}`,
		fields{"A", fields{"data", fields{"c", 1}, "types", fields{"c", "counter"}, "info", fields{"k", "v"}}},
		[]string{"connector A", "  info", "    k=v", "  counter c", "    (): 1"}, nil},
	{"connectors of other forms",
		`{"Nixl": {"data": {"transfer_duration": [1, 2]}}, "List": [1], "Bare": {"x": 1}, "DataIsList": {"data": []}, "A": {"data": {"types": {"c": "counter"}, "data": {"c": [{"labels": [1], "value": 1}, {"labels": [], "value": 1}]}}}}`,
		fields{"Nixl", fields{"data", fields{"transfer_duration", list{1, 2}}}, "List", list{1}, "Bare", fields{"x", 1}, "DataIsList", fields{"data", list{}},
			"A", fields{"data", step("c", "counter", fields{list{1}, 1, list{}, 1})}},
		[]string{"connector A", "  counter c", "    (): 1", "ignored Bare 1", "ignored DataIsList 1", "ignored List 1", "ignored Nixl 1"},
		[]string{`connector "A": metric "c": bad label values: value 0 is a number, expected a string`}},
	{"connectors whose payloads are broken",
		`{"NoData": {"types": {"c": "counter"}}, "List": {"data": {"types": {}, "data": []}}, "TypesList": {"data": {"types": 5, "data": {"c": 1}}}, "NoTypes": {"data": {"data": {"c": 1}}}, "A": {"types": {}, "data": {}}}`,
		fields{"NoData", fields{"types", fields{"c", "counter"}}, "List", fields{"data", fields{"types", fields{}, "data", list{}}},
			"TypesList", fields{"data", fields{"types", 5, "data", fields{"c", 1}}}, "NoTypes", fields{"data", fields{"data", fields{"c", 1}}},
			"A", fields{"types", fields{}, "data", fields{}}},
		[]string{"connector NoTypes", "connector A"},
		[]string{
			`connector "NoData": malformed: it has "types" but no "data"`,
			`connector "List": malformed: field "data": expected a map, got a list`,
			`connector "TypesList": malformed: field "types": expected a map, got a number`,
			`connector "NoTypes": metric "c": wrong kind: it is not in "types"`,
		}},
	{"connector that sends once well and once in another form",
		`{"A": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}, "A": {"x": [1]}}`,
		fields{"A", fields{"data", step("c", "counter", 1)}, "A", fields{"x", list{1}}},
		[]string{"connector A", "  counter c", "    (): 1", "ignored A 1"}, nil},
	{"connector that comes twice, the second time without kinds",
		`{"A": {"types": {"c": "counter"}, "data": {"c": 1}}, "A": {"data": {"data": {"c": 2}}}}`,
		fields{"A", step("c", "counter", 1), "A", fields{"data", fields{"data", fields{"c", 2}}}},
		[]string{"connector A", "  counter c", "    (): 1"},
		[]string{`connector "A": metric "c": wrong kind: it is not in "types"`}},
	{"only other connectors",
		`{"NixlConnector": {"data": {"transfer_duration": [0.5], "num_failed_transfers": []}}, "UMBPConnector": {"save": {"submitted": 1}}, "": {"x": 1}}`,
		fields{"NixlConnector", fields{"data", fields{"transfer_duration", list{0.5}, "num_failed_transfers", list{}}},
			"UMBPConnector", fields{"save", fields{"submitted", 1}}, "", fields{"x", 1}},
		[]string{"ignored NixlConnector 1", "ignored UMBPConnector 1", "ignored unnamed 1"}, nil},
	{"another connector alone",
		`{"transfer_duration": [0.5], "post_duration": [], "num_failed": 0, "nested": {"x": 1}, "none": null}`,
		fields{"transfer_duration", list{0.5}, "post_duration", list{}, "num_failed", 0, "nested", fields{"x", 1}, "none", nil},
		[]string{"ignored unnamed 1"}, nil},
	{"another connector alone, with fields of our names",
		`{"types": [1], "data": "x", "info": 5, "connectors": []}`,
		fields{"types", list{1}, "data", "x", "info", 5, "connectors", list{}},
		[]string{"ignored unnamed 1"}, nil},
	{"another connector alone, with keys that are no strings", "",
		fields{list{"a", "b"}, 1, 2, list{3}, nil, fields{4, 5}},
		[]string{"ignored unnamed 1"}, nil},
	{"a payload from before types and data", `{"CPU_to_GPU": [{"op_size": 1, "op_time": 2}]}`,
		fields{"CPU_to_GPU", list{fields{"op_size", 1, "op_time", 2}}},
		[]string{"ignored unnamed 1"}, nil},
	{"other connectors with keys that are no strings", "",
		fields{"X", fields{list{"a", "b"}, 1}, 7, fields{8, 9}, "A", fields{"data", step("c", "counter", 1)}, 6, fields{"data", step("c", "counter", 1)}},
		[]string{"connector A", "  counter c", "    (): 1", "ignored X 1", "ignored other 1"},
		[]string{`name: malformed: expected a string, got a number`}},
	{"connectors nested twice", `{"A": {"data": {"B": {"data": {}}}}}`,
		fields{"A", fields{"data", fields{"B", fields{"data", fields{}}}}},
		[]string{"ignored A 1"}, nil},
	{"what vLLM adds beside types and data",
		`{"_metrics_descriptor": {"types": {"x": 1}, "data": [2]}, "types": {"c": "counter"}, "data": {"c": 1}, "kv_connector_stats": 5}`,
		fields{"_metrics_descriptor", fields{"types", fields{"x", 1}, "data", list{2}}, "types", fields{"c", "counter"}, "data", fields{"c", 1}, "kv_connector_stats", 5},
		[]string{"counter c", "  (): 1"}, nil},

	{"SchedulerStats",
		`{"num_running_reqs": 1, "prefix_cache_stats": {"requests": 2}, "kv_connector_stats": {"types": {"c": "counter"}, "data": {"c": 1}}, "ec_connector_stats": {"types": {"c": "gauge"}, "data": {"c": 2}}, "cudagraph_stats": null}`,
		fields{"num_running_reqs", 1, "prefix_cache_stats", fields{"requests", 2}, "kv_connector_stats", step("c", "counter", 1),
			"ec_connector_stats", step("c", "gauge", 2), "cudagraph_stats", nil},
		[]string{"counter c", "  (): 1"}, nil},
	{"SchedulerStats of several connectors",
		`{"perf_stats": null, "kv_connector_stats": {"A": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}, "NixlConnector": {"transfer_duration": [1]}}}`,
		fields{"perf_stats", nil, "kv_connector_stats", fields{"A", fields{"data", step("c", "counter", 1)}, "NixlConnector", fields{"transfer_duration", list{1}}}},
		[]string{"connector A", "  counter c", "    (): 1", "ignored NixlConnector 1"}, nil},
	{"SchedulerStats of another connector",
		`{"kv_connector_stats": {"transfer_duration": [1]}, "num_running_reqs": 1}`,
		fields{"kv_connector_stats", fields{"transfer_duration", list{1}}, "num_running_reqs", 1},
		[]string{"ignored unnamed 1"}, nil},
	{"SchedulerStats without stats", `{"num_running_reqs": 1, "kv_connector_stats": null, "lora": {"a": 1}}`,
		fields{"num_running_reqs", 1, "kv_connector_stats", nil, "lora", fields{"a", 1}}, nil, nil},
	{"SchedulerStats inside",
		`{"kv_connector_stats": {"kv_connector_stats": {"types": {"c": "counter"}, "data": {"c": 1}}}}`,
		fields{"kv_connector_stats", fields{"kv_connector_stats", step("c", "counter", 1)}},
		[]string{"connector kv_connector_stats", "  counter c", "    (): 1"}, nil},
	{"connectors beside data",
		`{"types": {"c": "counter"}, "data": {"c": 1}, "connectors": {"data": {"data": {"types": {"c": "gauge"}, "data": {"c": 2}}}}}`,
		fields{"types", fields{"c", "counter"}, "data", fields{"c", 1}, "connectors", fields{"data", fields{"data", step("c", "gauge", 2)}}},
		[]string{"counter c", "  (): 1", "connector data", "  gauge c", "    (): 2"}, nil},
}

func TestDecode(t *testing.T) {
	for _, test := range decodeTests {
		inputs := map[string][]byte{}
		if test.json != "" {
			inputs["json"] = []byte(test.json)
		}
		if test.messagePack != nil || test.name == "null" {
			inputs["messagepack"] = pack(t, test.messagePack)
		}
		for format, input := range inputs {
			t.Run(test.name+"/"+format, func(t *testing.T) {
				// The payload is in use already, and the second round reuses what the first made.
				p := build(t).counter("stale", stats.Int64(1)).histogram("h", ints(9, 9, 9), "d").gauge("c", stats.Int64(1), "a")
				for range 2 {
					err := decoders[format](input, p.Payload)
					if diff := cmp.Diff(test.errs, entryErrors(t, err), cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("errors (-want +got):\n%s", diff)
					}
					expect(t, p.Payload, test.want...)
				}
			})
		}
	}
}

var decoders = map[string]func([]byte, *stats.Payload) error{"json": decodeJSON, "messagepack": decodeMessagePack}

// TestDecodeEncodeDecode encodes and decodes each valid input again, in both formats.
func TestDecodeEncodeDecode(t *testing.T) {
	for _, test := range decodeTests {
		if test.errs != nil || test.name == "not finite" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			var p, q stats.Payload
			if err := decodeMessagePack(pack(t, test.messagePack), &p); err != nil {
				t.Fatal(err)
			}
			want := dumpContent(&p)
			if err := decodeJSON(p.AppendJSON(nil), &q); err != nil {
				t.Error(err)
			}
			expect(t, &q, want...)
			if err := decodeMessagePack(p.AppendMessagePack(nil), &q); err != nil {
				t.Error(err)
			}
			expect(t, &q, want...)
		})
	}
}

func TestDecodeFailures(t *testing.T) {
	deepJSON := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	deepPacked := raw(append([]byte(strings.Repeat("\x91", 100)), 0xc0))
	tests := []struct {
		name   string
		format string
		input  string
		want   error
		text   string
	}{
		{"no input", "json", ``, stats.ErrTruncated, `otelkv: payload at byte 0: truncated`},
		{"no input", "messagepack", ``, stats.ErrTruncated, `otelkv: payload at byte 0: truncated`},
		{"white space", "json", ` `, stats.ErrTruncated, `otelkv: payload at byte 1: truncated`},
		{"number", "json", `5`, stats.ErrMalformed, `otelkv: payload at byte 0: malformed: expected a payload, which is a map, or null, got a number`},
		{"list", "messagepack", string(pack(t, list{})), stats.ErrMalformed, `otelkv: payload at byte 0: malformed: expected a payload, which is a map, or null, got a list`},
		{"types alone", "json", `{"types": {}}`, stats.ErrMalformed, `otelkv: payload at byte 13: malformed: it has "types" but no "data"`},
		{"data is a list", "json", `{"types": {}, "data": []}`, stats.ErrMalformed, `otelkv: payload at byte 22: malformed: field "data": expected a map, got a list`},
		{"data is a list behind other values", "json", ` { "x" : [ { }, "\ud83d\ude42\\", -1.5e3, true, null ] , "types" : {} , "data" : [1] }`, stats.ErrMalformed, `otelkv: payload at byte 81: malformed: field "data": expected a map, got a list`},
		{"types alone among other values", "json", `{"x": 1, "kv_connector_stats": {"types": {}}, "y": [] }`, stats.ErrMalformed, `otelkv: payload at byte 46: malformed: it has "types" but no "data"`},
		{"connectors are a list", "json", `{"types": {}, "data": {}, "connectors": []}`, stats.ErrMalformed, `otelkv: payload at byte 40: malformed: field "connectors": expected a map, got a list`},
		{"SchedulerStats with a list", "json", `{"x": 1, "kv_connector_stats": [1]}`, stats.ErrMalformed, `otelkv: payload at byte 31: malformed: field "kv_connector_stats": expected a map, got a list`},
		{"SchedulerStats with two", "messagepack", string(pack(t, fields{"kv_connector_stats", nil, "kv_connector_stats", nil})), stats.ErrMalformed, `otelkv: payload at byte 40: malformed: field "kv_connector_stats" occurs twice`},
		{"types is a list", "messagepack", string(pack(t, fields{"types", list{}, "data", fields{}})), stats.ErrMalformed, `otelkv: payload at byte 7: malformed: field "types": expected a map, got a list`},
		{"data twice", "json", `{"data": {}, "data": {}}`, stats.ErrMalformed, `otelkv: payload at byte 21: malformed: field "data" occurs twice`},
		{"metric is a number", "messagepack", string(pack(t, fields{"types", fields{1, "counter"}, "data", fields{}})), stats.ErrMalformed, `otelkv: payload at byte 8: malformed: expected a metric's name, got a number`},
		{"too deep", "json", `{"x": ` + deepJSON + `, "data": {}}`, stats.ErrTooLarge, `otelkv: payload at byte 37: too large: more than 32 levels deep`},
		{"too deep", "messagepack", string(pack(t, fields{"x", deepPacked, "data", fields{}})), stats.ErrTooLarge, `otelkv: payload at byte 35: too large: more than 32 levels deep`},
		{"too deep for the library", "json", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), stats.ErrTooLarge, `otelkv: payload at byte 32: too large: more than 32 levels deep`},
		{"too deep and cut", "json", ` {"x": ` + strings.Repeat("[", 100), stats.ErrTooLarge, `otelkv: payload at byte 38: too large: more than 32 levels deep`},
		{"too deep and malformed", "json", deepJSON + ` x`, stats.ErrTooLarge, `otelkv: payload at byte 32: too large: more than 32 levels deep`},
		{"too deep in a value", "json", `{"types": {"c": "counter"}, "data": {"c": [{"labels": [], "value": ` + deepJSON + `}]}}`, stats.ErrTooLarge, `otelkv: payload at byte 95: too large: more than 32 levels deep`},
		{"no such byte", "messagepack", "\xc1", stats.ErrMalformed, `otelkv: payload at byte 0: malformed: no value begins with 0xc1`},
		{"entry's field is no string", "messagepack", string(pack(t, step("c", "counter", list{fields{1, 2}}))), stats.ErrMalformed, `otelkv: payload at byte 28: malformed: expected a field's name, got a number`},
		{"exponent without digit", "json", `{"types": {"c": "counter"}, "data": {"c": 7e+`, stats.ErrTruncated, `otelkv: payload at byte 45: truncated`},
		{"escape cut", "json", `{"\u12`, stats.ErrTruncated, `otelkv: payload at byte 6: truncated`},
		{"backslash at the end", "json", `{"\`, stats.ErrTruncated, `otelkv: payload at byte 3: truncated`},
		{"literal cut", "json", `nul`, stats.ErrTruncated, `otelkv: payload at byte 3: truncated`},
		{"map header claims 4 billion", "messagepack", "\xdf\xff\xff\xff\xff", stats.ErrTruncated, `otelkv: payload at byte 5: truncated`},
		{"samples claim 4 billion", "messagepack", string(pack(t, step("h", "histogram", fields{list{}, raw("\xdd\xff\xff\xff\xff\x01")}))), stats.ErrTruncated, `otelkv: payload at byte 35: truncated`},
		{"string claims 4 billion", "messagepack", "\x81\xdb\xff\xff\xff\xffabc", stats.ErrTruncated, `otelkv: payload at byte 1: truncated`},
	}
	for _, test := range tests {
		t.Run(test.name+"/"+test.format, func(t *testing.T) {
			p := build(t).counter("stale", stats.Int64(1))
			checkFailure(t, decoders[test.format]([]byte(test.input), p.Payload), test.want, test.text)
			expect(t, p.Payload)
		})
	}
}

// TestJSONSyntax checks that a syntax error has the offset of what is wrong.
func TestJSONSyntax(t *testing.T) {
	tests := []struct {
		name   string
		input  string
		offset int
	}{
		{"trailing text", `{} x`, 3},
		{"comma at the end", `{"data": {},}`, 11},
		{"comma at the list's end", `{"types": {"h": "histogram"}, "data": {"h": [1,]}}`, 46},
		{"comma missing", `{"data": {} "types": {}}`, 12},
		{"colon missing", `{"data" {}}`, 8},
		{"leading zero", `{"types": {"c": "counter"}, "data": {"c": 07}}`, 43},
		{"point without digit", `{"types": {"c": "counter"}, "data": {"c": 7.}}`, 44},
		{"NaN", `{"types": {"c": "counter"}, "data": {"c": NaN}}`, 42},
		{"second surrogate broken", `{"\ud83d\ud8-": 1}`, 8},
		{"literal", `nul0`, 3},
		{"escape", `{"\x": 1}`, 2},
		{"hex", `{"\u12g4": 1}`, 2},
		{"control character", "{\"a\nb\": 1}", 3},
		{"NUL", "{\x00}", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := build(t).counter("stale", stats.Int64(1))
			err := decodeJSON([]byte(test.input), p.Payload)
			var failure *stats.DecodeError
			if !errors.As(err, &failure) || failure.Offset != test.offset || !errors.Is(err, stats.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed at byte %d", err, test.offset)
			}
			expect(t, p.Payload)
		})
	}
}

func checkFailure(t *testing.T, err, want error, text string) {
	t.Helper()
	if !errors.As(err, new(*stats.DecodeError)) || !errors.Is(err, want) {
		t.Errorf("got %v, want a DecodeError that wraps %v", err, want)
	}
	if got := fmt.Sprint(err); got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
}

// TestTruncated cuts a payload at every byte. Each time, the decoded payload is empty.
func TestTruncated(t *testing.T) {
	whole := build(t).counter("c", stats.Int64(300), "é").histogram("h", append(ints(70000), floats(0.5)...)).gauge("g", stats.Float64(1e-5), "a", "\n")
	whole.SetInfo(map[string]string{"k": "v"})
	whole.check(whole.Connector("C").AddCounter("c", stats.Int64(1)))
	var p stats.Payload
	for format, input := range map[string][]byte{"json": whole.AppendJSON(nil), "messagepack": whole.AppendMessagePack(nil)} {
		for n := range input {
			if err := decoders[format](input[:n], &p); !errors.Is(err, stats.ErrTruncated) || !p.IsEmpty() {
				t.Errorf("%s, %d of %d bytes: got %v, empty %t, want ErrTruncated and an empty payload", format, n, len(input), err, p.IsEmpty())
			}
		}
		if err := decoders[format](input, &p); err != nil {
			t.Error(err)
		}
		expect(t, &p, dump(whole.Payload)...)
	}
}

func TestMessagePackRest(t *testing.T) {
	var p stats.Payload
	data := append(pack(t, step("c", "counter", fields{list{1}, 1, list{}, 2})), "rest"...)
	rest, err := stats.Decoder{}.MessagePack(data, &p)
	if !errors.Is(err, stats.ErrLabelValues) || string(rest) != "rest" {
		t.Errorf("after an entry error: rest %q, error %v", rest, err)
	}
	rest, err = stats.Decoder{}.MessagePack([]byte("\xc1rest"), &p)
	if !errors.Is(err, stats.ErrMalformed) || rest != nil {
		t.Errorf("after a failure: rest %q, error %v", rest, err)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	entries := fields{}
	for i := range 100 {
		entries = append(entries, list{fmt.Sprint(i), 5}, i)
	}
	var p stats.Payload
	lines := entryErrors(t, decodeMessagePack(pack(t, step("c", "counter", entries)), &p))
	if len(lines) != 65 || lines[64] != "and 36 more" {
		t.Errorf("got %d errors, the last %q, want 65 and \"and 36 more\"", len(lines), lines[len(lines)-1])
	}

	long := strings.Repeat("\n", 1000)
	err := decodeMessagePack(pack(t, step(long, "counter", fields{list{long, 5}, 1})), &p)
	if text := err.Error(); len(text) > 500 || strings.Contains(text, "\n") {
		t.Errorf("the error quotes all of a hostile value, or not at all: %d bytes", len(text))
	}
}

func TestUnmarshalJSONKeepsWhatIsGood(t *testing.T) {
	var p stats.Payload
	err := p.UnmarshalJSON([]byte(`{"types": {"c": "counter"}, "data": {"c": 1, "d": 2}}`))
	if !errors.Is(err, stats.ErrKind) {
		t.Errorf("got %v, want ErrKind", err)
	}
	expect(t, &p, "counter c", "  (): 1")
	data, err := p.MarshalJSON()
	if want := `{"types":{"c":"counter"},"data":{"c":[{"labels":[],"value":1}]}}`; err != nil || string(data) != want {
		t.Errorf("got %s, %v, want %s", data, err, want)
	}
}

// TestJSONGolden checks the text of everything that a payload can have.
func TestJSONGolden(t *testing.T) {
	p := build(t).
		counter("c", stats.Int64(7), "\"\\\n\t\x00\x7f\u2028é", "b").
		gauge("g", stats.Float64(2)).
		histogram("h", append(ints(1), floats(0.5, 1e-7, nan())...))
	p.SetInfo(map[string]string{"k": "v", "a": ""}, nil, map[string]string{})
	p.check(p.Connector("C").AddCounter("c", stats.Int64(1)))
	want := `{"types":{"c":"counter","g":"gauge","h":"histogram"},` +
		`"data":{"c":[{"labels":["\"\\\n\t\u0000` + "\x7f\u2028" + `é","b"],"value":7}],` +
		`"g":[{"labels":[],"value":2.0}],"h":[{"labels":[],"value":[1,0.5,1e-07,null]}]},` +
		`"info":[{"a":"","k":"v"},{}],` +
		`"connectors":{"C":{"data":{"types":{"c":"counter"},"data":{"c":[{"labels":[],"value":1}]}}}}}`
	for _, before := range []string{"", "x", "[1"} {
		if got := string(p.AppendJSON([]byte(before))); got != before+want {
			t.Errorf("\n got %s\nwant %s", got, before+want)
		}
	}
}

// TestDecodeIntoConnector decodes into a nested payload, which does not change the others.
func TestDecodeIntoConnector(t *testing.T) {
	p := build(t).counter("own", stats.Int64(1))
	nested := p.Connector("C")
	for format, input := range map[string][]byte{
		"json":        []byte(`{"types": {"c": "counter"}, "data": {"c": 1}}`),
		"messagepack": pack(t, step("c", "counter", 1)),
	} {
		if err := decoders[format](input, nested); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		expect(t, p.Payload, "counter own", "  (): 1", "connector C", "  counter c", "    (): 1")
	}
	// Payloads nest once, so this is another connector's.
	if err := decodeJSON([]byte(`{"D": {"data": {}}}`), nested); err != nil {
		t.Error(err)
	}
	expect(t, p.Payload, "counter own", "  (): 1", "ignored C 1")
}

// TestMetricWithoutEntries merges, takes and reduces a metric without entries.
func TestMetricWithoutEntries(t *testing.T) {
	var p, merged stats.Payload
	if err := decodeJSON([]byte(`{"types": {"c": "counter"}, "data": {"c": []}}`), &p); err != nil {
		t.Fatal(err)
	}
	if err := merged.Merge(&p); err != nil {
		t.Error(err)
	}
	expect(t, &merged, "counter c")
	expect(t, merged.Take(), "counter c")
	if s := p.Reduce(); s.Len() != 0 || p.IsEmpty() {
		t.Errorf("%d keys, empty %t, want none and not empty", s.Len(), p.IsEmpty())
	}
}

// TestNotFiniteInJSON checks that a number that JSON cannot express costs only its own
// entry, and that the error names that.
func TestNotFiniteInJSON(t *testing.T) {
	sent := build(t).gauge("g", stats.Float64(nan()), "a").gauge("g", stats.Float64(1), "b")
	var p stats.Payload
	want := []string{`metric "g": labels ["a"]: bad number: expected a number for a gauge, got null`}
	if diff := cmp.Diff(want, entryErrors(t, decodeJSON(sent.AppendJSON(nil), &p))); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	expect(t, &p, "gauge g", "  (b): 1.0")
}

// TestDecodeIntoNested decodes an input without kinds into a nested payload, after an
// input with kinds was decoded into its parent.
func TestDecodeIntoNested(t *testing.T) {
	var p stats.Payload
	if err := decodeJSON([]byte(`{"A": {"types": {"c": "counter"}, "data": {"c": 1}}}`), &p); err != nil {
		t.Fatal(err)
	}
	if err := decodeJSON([]byte(`{"data": {"c": 2}}`), p.Connector("A")); !errors.Is(err, stats.ErrKind) {
		t.Errorf("got %v, want ErrKind", err)
	}
	expect(t, &p)
}
