// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// TestIgnoredMergesAndIsTaken merges and takes the counts of ignored stats.
func TestIgnoredMergesAndIsTaken(t *testing.T) {
	var received, total, taken stats.Payload
	for _, input := range []string{
		`{"NixlConnector": {"data": {"x": [1]}}, "A": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}}`,
		`{"NixlConnector": {"x": [1]}, "A": {"types": {"c": "counter"}, "data": {"c": 2}}}`,
		`{"x": [1]}`,
	} {
		if err := decodeJSON([]byte(input), &received); err != nil {
			t.Fatal(err)
		}
		if err := total.Merge(&received); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"connector A", "  counter c", "    (): 3", "ignored NixlConnector 2", "ignored unnamed 1"}
	expect(t, &total, want...)
	if !total.TakeInto(&taken) {
		t.Error("nothing was taken")
	}
	expect(t, &total)
	expect(t, &taken, want...)
	if err := decodeJSON([]byte(`{"x": [1]}`), &received); err != nil || received.IsEmpty() {
		t.Errorf("what was ignored is nothing: %v", err)
	}
	expect(t, received.Take(), "ignored unnamed 1")
	expect(t, &received)
}

// TestIgnoredConnectorsNeedNoRoom decodes the stats of more other connectors than the
// limit of nested payloads. They are no error, and do not count against the limit.
func TestIgnoredConnectorsNeedNoRoom(t *testing.T) {
	var others []string
	for i := range 200 {
		others = append(others, fmt.Sprintf(`"X%d": {"data": {"x": [1]}}`, i))
	}
	ours := `"A": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}`
	counts := func(p *stats.Payload) (names int, sum int64) {
		for _, n := range p.Ignored() {
			names, sum = names+1, sum+n
		}
		return names, sum
	}
	var p stats.Payload
	first := "{" + strings.Join(slices.Concat([]string{ours}, others), ",") + "}"
	for range 3 {
		if err := decodeJSON([]byte(first), &p); err != nil {
			t.Fatal(err)
		}
		if names, sum := counts(&p); names != 64 || sum != 200 {
			t.Errorf("%d connectors were ignored under %d names, want 200 under 63 and other", sum, names)
		}
		if len(slices.Collect(keys(p.Connectors()))) != 1 {
			t.Error("the payload is missing")
		}
	}
	last := "{" + strings.Join(slices.Concat(others, []string{ours}), ",") + "}"
	if err := decodeJSON([]byte(last), &p); !errors.Is(err, stats.ErrTooLarge) || !p.IsEmpty() {
		t.Errorf("a payload past the limit: got %v, want ErrTooLarge", err)
	}
}

func keys[K, V any](seq func(func(K, V) bool)) func(func(K) bool) {
	return func(yield func(K) bool) {
		seq(func(k K, _ V) bool { return yield(k) })
	}
}

// TestIgnoredNamesAreBounded merges payloads with names that never repeat.
func TestIgnoredNamesAreBounded(t *testing.T) {
	var received, total stats.Payload
	for i := range 1000 {
		if err := decodeJSON(fmt.Appendf(nil, `{"X%d": {"data": {"x": 1}}}`, i), &received); err != nil {
			t.Fatal(err)
		}
		expect(t, &received, fmt.Sprintf("ignored X%d 1", i))
		if err := total.Merge(&received); err != nil {
			t.Fatal(err)
		}
	}
	lines := dump(&total)
	if len(lines) != 65 || lines[64] != "ignored other 936" {
		t.Errorf("%d names, the last %q, want 64 and other 936", len(lines), lines[len(lines)-1])
	}
}

// TestIgnoredNameThatNoLabelCanHold counts a connector whose name is bad.
func TestIgnoredNameThatNoLabelCanHold(t *testing.T) {
	var p stats.Payload
	input := fields{"\xff", fields{"x", list{}}, strings.Repeat("x", 2000), fields{"y", 1}}
	if err := decodeMessagePack(pack(t, input), &p); err != nil {
		t.Error(err)
	}
	expect(t, &p, "ignored other 2")
}

// TestVLLMReduceOfAnEmptyConnector checks that a connector without stats reduces to an
// empty dict under its name, as in vLLM's MultiConnector, and an ignored one to nothing.
func TestVLLMReduceOfAnEmptyConnector(t *testing.T) {
	for name, input := range map[string]string{
		"bare":     `{"OffloadingConnector": {"types": {}, "data": {}}, "NixlConnector": {"transfer_duration": []}}`,
		"in data":  `{"OffloadingConnector": {"data": {"types": {}, "data": {}}}, "NixlConnector": {"data": {"transfer_duration": []}}}`,
		"no stats": `{"OffloadingConnector": null}`,
	} {
		t.Run(name, func(t *testing.T) {
			var p, total stats.Payload
			if err := decodeJSON([]byte(input), &p); err != nil {
				t.Fatal(err)
			}
			if err := total.Merge(&p); err != nil {
				t.Fatal(err)
			}
			summary := total.Reduce()
			text, err := summary.MarshalJSON()
			if want := `{"OffloadingConnector":{}}`; err != nil || string(text) != want {
				t.Errorf("got %s, %v, want %s", text, err, want)
			}
			if got, want := summary.String(), "OffloadingConnector={}"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got, want := string(total.AppendJSON(nil)), `{"OffloadingConnector":{"data":{"types":{},"data":{}}}}`; got != want {
				t.Errorf("encoded as %s, want %s", got, want)
			}
		})
	}
	var bound stats.Payload
	bound.Connector("A")
	if got := bound.Reduce().String(); got != "" {
		t.Errorf("a connector that nothing came from: %q", got)
	}
}

// TestEngineCoreOutputs decodes messages of vLLM's engine core. Without the option, the
// decoder refuses them.
func TestEngineCoreOutputs(t *testing.T) {
	payload := step("c", "counter", 1)
	for _, test := range []struct {
		name string
		list list
		want []string
		err  string
	}{
		{"stats", list{3, list{list{"request", list{1, 2}}}, fields{"step_counter", 1, "kv_connector_stats", payload}, 17.5}, []string{"counter c", "  (): 1"}, ""},
		{"of connectors", list{0, list{}, fields{"kv_connector_stats", fields{"A", payload, "NixlConnector", fields{"x", list{}}}}},
			[]string{"connector A", "  counter c", "    (): 1", "ignored NixlConnector 1"}, ""},
		{"stats without a connector's", list{0, list{}, fields{"step_counter", 1, "kv_connector_stats", nil}}, nil, ""},
		{"stats of an older vLLM", list{0, list{}, fields{"step_counter", 1, "waiting_lora_adapters", fields{"a", 1}, list{"x"}, 5}}, nil, ""},
		{"no stats", list{0, list{}, nil, 17.5}, nil, ""},
		{"nothing after the outputs", list{0, list{}}, nil, ""},
		{"nothing at all", list{}, nil, ""},
		{"stats that are none", list{0, list{}, list{}}, nil, "otelkv: payload at byte 3: malformed: the scheduler's stats: expected a map, got a list"},
		{"a connector's that are none", list{0, list{}, fields{"kv_connector_stats", 5}}, nil, `otelkv: payload at byte 23: malformed: field "kv_connector_stats": expected a map, got a number`},
		{"two", list{0, list{}, fields{"kv_connector_stats", nil, "kv_connector_stats", payload}}, nil, `otelkv: payload at byte 43: malformed: field "kv_connector_stats" occurs twice`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := build(t).counter("stale", stats.Int64(1))
			data := pack(t, test.list)
			rest, err := stats.Decoder{EngineCoreOutputs: true}.MessagePack(append(data, "rest"...), p.Payload)
			if test.err != "" {
				checkFailure(t, err, stats.ErrMalformed, test.err)
			} else if err != nil || string(rest) != "rest" {
				t.Errorf("got %v and the rest %q", err, rest)
			}
			expect(t, p.Payload, test.want...)
			if _, err := (stats.Decoder{}).MessagePack(data, p.Payload); !errors.Is(err, stats.ErrMalformed) {
				t.Errorf("without the option: got %v, want ErrMalformed", err)
			}
		})
	}
	var p stats.Payload
	input := `[0, [], {"kv_connector_stats": {"types": {"c": "counter"}, "data": {"c": 1}}}, 1.5]`
	if err := (stats.Decoder{EngineCoreOutputs: true}).JSON([]byte(input), &p); err != nil {
		t.Error(err)
	}
	expect(t, &p, "counter c", "  (): 1")
}
