// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func keysAndValues(s stats.Summary) []string {
	var lines []string
	for key, n := range s.All() {
		lines = append(lines, key+"="+n.String())
	}
	return lines
}

func TestVLLMReduce(t *testing.T) {
	p := build(t).
		counter(loadBytes, stats.Int64(34)).counter(loadTime, stats.Float64(2.6)).histogram(loadSize, ints(16, 8, 3, 7)).
		counter(storeBytes, stats.Int64(19)).counter(storeTime, stats.Float64(2.3)).histogram(storeSize, ints(1, 2, 16)).
		counter(storesSkipped, stats.Int64(11)).gauge("pending", stats.Int64(2)).histogram("lookup", floats(0.1, 0.2, 0.3))
	p.SetInfo(map[string]string{"k": "v"})
	want := []string{
		loadBytes + "=34", loadTime + "=2.6", loadSize + "_count=4", loadSize + "_sum=34",
		storeBytes + "=19", storeTime + "=2.3", storeSize + "_count=3", storeSize + "_sum=19",
		storesSkipped + "=11", "pending=2", "lookup_count=3", "lookup_sum=0.6000000000000001",
	}
	if diff := cmp.Diff(want, keysAndValues(p.Reduce())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVLLMReduceLabelled(t *testing.T) {
	p := build(t).counter("my_counter", stats.Int64(17), "a").counter("my_counter", stats.Int64(3), "b")
	want := []string{"my_counter:('a',)=17", "my_counter:('b',)=3"}
	if diff := cmp.Diff(want, keysAndValues(p.Reduce())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReduceKeys compares with what repr() prints in Python 3.
func TestReduceKeys(t *testing.T) {
	tests := []struct {
		name        string
		labelValues []string
		want        string
	}{
		{"none", nil, "m"},
		{"empty string", []string{""}, "m:('',)"},
		{"two", []string{"a", "b"}, "m:('a', 'b')"},
		{"apostrophe", []string{"it's"}, `m:("it's",)`},
		{"both quotes", []string{`it's "x"`}, `m:('it\'s "x"',)`},
		{"double quotes", []string{`"x"`}, `m:('"x"',)`},
		{"escapes", []string{"a\n\r\t\\b"}, `m:('a\n\r\t\\b',)`},
		{"control", []string{"\x00\x1b\x7f\u0085"}, `m:('\x00\x1b\x7f\x85',)`},
		{"letters", []string{"köln 東京 🙂"}, `m:('köln 東京 🙂',)`},
		{"not printable", []string{"\u00a0\u200b\u2028\U000e0001"}, `m:('\xa0\u200b\u2028\U000e0001',)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := build(t).counter("m", stats.Int64(1), test.labelValues...).Reduce()
			if n, ok := s.Get(test.want); !ok || n != stats.Int64(1) {
				t.Errorf("got %q, want %q", keysAndValues(s), test.want)
			}
		})
	}
}

func TestReduceSums(t *testing.T) {
	tests := []struct {
		name    string
		samples []stats.Number
		want    stats.Number
	}{
		{"ints", ints(1, 2), stats.Int64(3)},
		{"mixed", append(ints(1, 2), stats.Float64(0.5)), stats.Float64(3.5)},
		{"overflow", ints(math.MaxInt64, 1), stats.Float64(1 << 63)},
		{"left to right", floats(1, 1e100, 1, -1e100), stats.Float64(0)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := build(t).histogram("h", test.samples).Reduce()
			if got, _ := s.Get("h_sum"); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	p := build(t).counter("b", stats.Float64(2)).counter("a\nb=1", stats.Int64(1), "it's").gauge("n", stats.Float64(nan()))
	p.check(p.Connector("C").AddCounter("c", stats.Int64(3), "x"))
	p.check(p.Connector("D").AddCounter("d", stats.Float64(0.5)))
	s := p.Reduce()
	if got, want := s.String(), `b=2.0, a\nb=1:("it's",)=1, n=nan, C={"c:('x',)": 3}, D={'d': 0.5}`; got != want {
		t.Errorf("String:\n got %s\nwant %s", got, want)
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"b":2.0,"a\nb=1:(\"it's\",)":1,"n":null,"C":{"c:('x',)":3},"D":{"d":0.5}}`; string(got) != want {
		t.Errorf("JSON:\n got %s\nwant %s", got, want)
	}
	if s.Len() != 3 {
		t.Errorf("Len is %d, want 3", s.Len())
	}
	if _, ok := s.Get("c:('x',)"); ok {
		t.Error("Get looks into nested summaries")
	}
	for name, nested := range s.Connectors() {
		if name != "C" || nested.Len() != 1 {
			t.Errorf("first nested summary is %s with %d keys, want C with 1", name, nested.Len())
		}
		break
	}
	for key := range s.All() {
		if key != "b" {
			t.Errorf("first key is %q, want b", key)
		}
		break
	}
}

// TestSummaryKeyClash reduces two metrics to the same key: as in a Python dict, the later
// value replaces the earlier one.
func TestSummaryKeyClash(t *testing.T) {
	s := build(t).counter("h_count", stats.Int64(9)).counter("c", stats.Int64(1)).histogram("h", ints(4)).Reduce()
	want := []string{"h_count=1", "c=1", "h_sum=4"}
	if diff := cmp.Diff(want, keysAndValues(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSummaryIsIndependent(t *testing.T) {
	p := build(t).counter("c", stats.Int64(1))
	s := p.Reduce()
	p.Reset()
	p.counter("c", stats.Int64(5))
	if got := s.String(); got != "c=1" {
		t.Errorf("got %s, want c=1", got)
	}
}

// TestVLLMReduceLeavesTheInfoOut checks vLLM's rule for its simple CPU connector, alone
// and in a MultiConnector.
func TestVLLMReduceLeavesTheInfoOut(t *testing.T) {
	p := build(t)
	for _, q := range []*stats.Payload{p.Payload, p.Connector("SimpleCPUOffloadConnector")} {
		p.check(q.RecordGauge(vllm.SimpleInfo.PrometheusName, stats.Int64(1), "cpu", "false", "false", "64"))
		p.check(q.RecordGauge("vllm:simple_kv_offload_info_of_another", stats.Int64(1)))
	}
	want := "vllm:simple_kv_offload_info_of_another=1, SimpleCPUOffloadConnector={'vllm:simple_kv_offload_info_of_another': 1}"
	if got := p.Reduce().String(); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
