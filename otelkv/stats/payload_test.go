// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

const (
	loadBytes     = "vllm:kv_offload_load_bytes"
	loadTime      = "vllm:kv_offload_load_time"
	loadSize      = "vllm:kv_offload_load_size"
	storeBytes    = "vllm:kv_offload_store_bytes"
	storeTime     = "vllm:kv_offload_store_time"
	storeSize     = "vllm:kv_offload_store_size"
	storesSkipped = "vllm:kv_offload_stores_skipped"
)

// The tests named TestVLLM hold the cases of vLLM's own test_metrics.py that
// concern payloads, under its names.

func TestVLLMBuildStatsFromNone(t *testing.T) {
	for _, input := range []string{"null", "{}", `{"types": {}, "data": {}}`} {
		var p stats.Payload
		if err := decodeJSON([]byte(input), &p); err != nil {
			t.Errorf("%s: %v", input, err)
		}
		if !p.IsEmpty() {
			t.Errorf("%s: not empty", input)
		}
	}
}

func TestVLLMReconstruct(t *testing.T) {
	sent := build(t).
		counter(loadBytes, stats.Int64(24)).counter(loadTime, stats.Float64(1.5)).histogram(loadSize, ints(16, 8)).
		counter(storeBytes, stats.Int64(3)).counter(storeTime, stats.Float64(0.3)).histogram(storeSize, ints(1, 2)).
		counter(storesSkipped, stats.Int64(5))
	want := []string{
		"counter " + loadBytes, "  (): 24",
		"counter " + loadTime, "  (): 1.5",
		"histogram " + loadSize, "  (): 16 8",
		"counter " + storeBytes, "  (): 3",
		"counter " + storeTime, "  (): 0.3",
		"histogram " + storeSize, "  (): 1 2",
		"counter " + storesSkipped, "  (): 5",
	}
	expect(t, sent.Payload, want...)
	var received stats.Payload
	if err := decodeMessagePack(sent.AppendMessagePack(nil), &received); err != nil {
		t.Error(err)
	}
	expect(t, &received, want...)
	if err := decodeJSON(sent.AppendJSON(nil), &received); err != nil {
		t.Error(err)
	}
	expect(t, &received, want...)
}

func TestVLLMAggregateSameConnector(t *testing.T) {
	first := build(t).
		counter(loadBytes, stats.Int64(24)).counter(loadTime, stats.Float64(1.5)).histogram(loadSize, ints(16, 8)).
		counter(storeBytes, stats.Int64(3)).counter(storeTime, stats.Float64(0.3)).histogram(storeSize, ints(1, 2)).
		counter(storesSkipped, stats.Int64(1)).gauge("pending", stats.Int64(3)).histogram("lookup", floats(0.1))
	second := build(t).
		counter(loadBytes, stats.Int64(10)).counter(loadTime, stats.Float64(1.1)).histogram(loadSize, ints(3, 7)).
		counter(storeBytes, stats.Int64(16)).counter(storeTime, stats.Int64(2)).histogram(storeSize, ints(16)).
		counter(storesSkipped, stats.Int64(3)).gauge("pending", stats.Int64(1)).histogram("lookup", floats(0.2, 0.3))
	first.check(first.Merge(second.Payload))
	expect(t, first.Payload,
		"counter "+loadBytes, "  (): 34",
		"counter "+loadTime, "  (): 2.6",
		"histogram "+loadSize, "  (): 16 8 3 7",
		"counter "+storeBytes, "  (): 19",
		"counter "+storeTime, "  (): 2.3",
		"histogram "+storeSize, "  (): 1 2 16",
		"counter "+storesSkipped, "  (): 4",
		"gauge pending", "  (): 1",
		"histogram lookup", "  (): 0.1 0.2 0.3",
	)
}

func TestVLLMAggregateLabelled(t *testing.T) {
	p := build(t).counter("my_counter", stats.Int64(10), "a").counter("my_counter", stats.Int64(3), "b")
	p.check(p.Merge(build(t).counter("my_counter", stats.Int64(7), "a").counter("my_counter", stats.Int64(5), "c").Payload))
	expect(t, p.Payload, "counter my_counter", "  (a): 17", "  (b): 3", "  (c): 5")
}

func TestVLLMAggregateLabelledMissingFromSelf(t *testing.T) {
	p := build(t)
	p.check(p.Merge(build(t).counter("my_counter", stats.Int64(7), "a").counter("my_counter", stats.Int64(5), "b").Payload))
	expect(t, p.Payload, "counter my_counter", "  (a): 7", "  (b): 5")
}

func TestVLLMHelpersTakeLabels(t *testing.T) {
	p := build(t).
		counter("c", stats.Int64(3), "a").counter("c", stats.Int64(4), "a").
		gauge("g", stats.Int64(2), "b").
		histogram("h", floats(0.1, 0.2), "b")
	expect(t, p.Payload, "counter c", "  (a): 7", "gauge g", "  (b): 2", "histogram h", "  (b): 0.1 0.2")
}

func TestVLLMAggregateMergesTypes(t *testing.T) {
	p := build(t).counter(loadBytes, stats.Int64(1))
	p.check(p.Merge(build(t).gauge("pending", stats.Int64(2)).Payload))
	expect(t, p.Payload, "counter "+loadBytes, "  (): 1", "gauge pending", "  (): 2")
}

func TestVLLMAggregateIntoEmpty(t *testing.T) {
	var p stats.Payload
	other := build(t).counter("c", stats.Int64(42)).histogram("h", ints(10, 20)).gauge("g", stats.Int64(3))
	other.check(p.Merge(other.Payload))
	expect(t, &p, "counter c", "  (): 42", "histogram h", "  (): 10 20", "gauge g", "  (): 3")
}

func TestVLLMReset(t *testing.T) {
	p := build(t).counter("c", stats.Int64(42)).histogram("h", ints(10, 20)).gauge("g", stats.Int64(3), "a")
	p.SetInfo(map[string]string{"a": "b"})
	p.check(p.Connector("C").AddCounter("c", stats.Int64(1)))
	p.Reset()
	if !p.IsEmpty() {
		t.Error("not empty after Reset")
	}
	expect(t, p.Payload)
	p.counter("c", stats.Int64(1)).histogram("h", ints(1)).gauge("g", stats.Int64(1), "a")
	expect(t, p.Payload, "counter c", "  (): 1", "histogram h", "  (): 1", "gauge g", "  (a): 1")
}

func TestZeroIncrementMakesEntry(t *testing.T) {
	expect(t, build(t).counter("c", stats.Int64(0)).Payload, "counter c", "  (): 0")
	expect(t, build(t).counter("c", stats.Float64(0)).Payload, "counter c", "  (): 0.0")
}

func TestRecordErrors(t *testing.T) {
	full := build(t).counter("c", stats.Int64(5)).gauge("g", stats.Int64(1))
	tests := []struct {
		name string
		err  error
		want error
		text string
	}{
		{"negative", full.AddCounter("c", stats.Int64(-1)), stats.ErrNumber,
			`otelkv: metric "c": bad number: increment -1: expected a finite number that is not negative`},
		{"NaN", full.AddCounter("c", stats.Float64(nan()), "x"), stats.ErrNumber,
			`otelkv: metric "c": labels ["x"]: bad number: increment nan: expected a finite number that is not negative`},
		{"overflow", full.AddCounter("c", stats.Int64(1<<63-1)), stats.ErrNumber,
			`otelkv: metric "c": bad number: 5 + 9223372036854775807 is beyond int64`},
		{"other kind", full.RecordGauge("c", stats.Int64(1)), stats.ErrKind,
			`otelkv: metric "c": wrong kind: it is a counter in this payload, not a gauge`},
		{"label not UTF-8", full.RecordGauge("g", stats.Int64(1), "a", "\xff"), stats.ErrUTF8,
			`otelkv: metric "g": labels ["a" "\xff"]: label value 1: not valid UTF-8`},
		{"name not UTF-8", full.RecordHistogram("\xff", stats.Int64(1)), stats.ErrUTF8,
			`otelkv: metric "\xff": name: not valid UTF-8`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !errors.Is(test.err, test.want) {
				t.Errorf("got %v, want one that wraps %v", test.err, test.want)
			}
			if got := fmt.Sprint(test.err); got != test.text {
				t.Errorf("got  %s\nwant %s", got, test.text)
			}
		})
	}
	expect(t, full.Payload, "counter c", "  (): 5", "gauge g", "  (): 1")
}

func TestInfo(t *testing.T) {
	var p stats.Payload
	if p.Info() != nil || !p.IsEmpty() {
		t.Error("a new payload has info")
	}
	given := map[string]string{"k": "v"}
	p.SetInfo(given)
	given["k"] = "changed"
	expect(t, &p, "info", "  k=v")

	var other stats.Payload
	if err := p.Merge(&other); err != nil {
		t.Error(err)
	}
	expect(t, &p, "info", "  k=v")
	other.SetInfo(map[string]string{})
	if other.IsEmpty() {
		t.Error("a payload with an empty info is empty")
	}
	if err := p.Merge(&other); err != nil {
		t.Error(err)
	}
	expect(t, &p, "info")
	p.SetInfo(nil)
	if !p.IsEmpty() {
		t.Error("info stays after SetInfo(nil)")
	}
	p.SetInfo(map[string]string{"a\xff": "b\xff"})
	expect(t, &p, "info", "  a\uFFFD=b\uFFFD")
}

func TestConnectors(t *testing.T) {
	p := build(t)
	idle, busy := p.Connector("Idle"), p.Connector("Busy")
	if !p.IsEmpty() {
		t.Error("naming a connector makes the payload not empty")
	}
	p.check(busy.AddCounter("c", stats.Int64(1)))
	if p.IsEmpty() {
		t.Error("empty with a nested counter")
	}
	expect(t, p.Payload, "connector Busy", "  counter c", "    (): 1")
	if p.Connector("Busy") != busy || busy.Connector("Deeper") != busy {
		t.Error("Connector does not return the payload that is there")
	}
	p.check(idle.AddCounter("c", stats.Int64(2)))
	p.check(p.Merge(p.Payload))
	expect(t, p.Payload, "connector Busy", "  counter c", "    (): 2", "connector Idle", "  counter c", "    (): 4")

	taken := p.Take()
	expect(t, taken, "connector Busy", "  counter c", "    (): 2", "connector Idle", "  counter c", "    (): 4")
	p.check(idle.AddCounter("c", stats.Int64(7)))
	expect(t, p.Payload, "connector Idle", "  counter c", "    (): 7")
}

func TestConnectorErrorsAreNamed(t *testing.T) {
	p, other := build(t), build(t)
	p.check(p.Connector("C").AddCounter("m", stats.Int64(1)))
	other.check(other.Connector("C").RecordGauge("m", stats.Int64(1)))
	want := `otelkv: connector "C": metric "m": wrong kind: it is a counter in this payload, not a gauge`
	if got := fmt.Sprint(p.Merge(other.Payload)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
