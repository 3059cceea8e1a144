// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"slices"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

func TestAllocations(t *testing.T) {
	var p, taken, total, decoded stats.Payload
	h := bind(t, &p)
	data := stepPayload(t)
	var buffer []byte
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	var full stats.Payload
	check(decodeMessagePack(data, &full))
	check(full.Connector("C").AddCounter("c", stats.Int64(1)))
	jsonData := full.AppendJSON(nil)
	nixl := fields{"transfer_duration", list{0.5, 0.25}, "num_failed_transfers", list{}}
	connectors := pack(t, fields{"OffloadingConnector", raw(data), "SimpleCPUOffloadConnector", fields{}, "NixlConnector", nixl})
	scheduler := pack(t, fields{"num_running_reqs", 1, "prefix_cache_stats", fields{"requests", 1}, "kv_connector_stats", raw(connectors)})
	outputs := pack(t, list{0, list{}, raw(scheduler), 1.5})
	alone := pack(t, nixl)
	jsonConnectors := slices.Concat([]byte(`{"num_running_reqs": 1, "kv_connector_stats": {"OffloadingConnector": `), jsonData,
		[]byte(`, "NixlConnector": {"data": {"transfer_duration": [0.5]}}}}`))
	jsonEscapes := []byte(`{"types": {"c\u0065": "counter"}, "data": {"ce": [{"labels": ["\n\ud83d\ude42\"", "\u00e9"], "value": 1}]}}`)
	message := func(data []byte) func() {
		return func() {
			_, err := stats.Decoder{EngineCoreOutputs: true}.MessagePack(data, &decoded)
			check(err)
		}
	}
	decodeConnectors := message(connectors)
	tests := []struct {
		name string
		run  func()
	}{
		{"handles", h.record},
		{"handles and TakeInto", func() { h.record(); p.TakeInto(&taken) }},
		{"AddCounter", func() { check(p.AddCounter("c", stats.Int64(1), "1:fs", "x")); p.TakeInto(&taken) }},
		{"RecordGauge", func() { check(p.RecordGauge("g", stats.Int64(1), "1:fs", "x")) }},
		{"RecordHistogram", func() { check(p.RecordHistogram("h", stats.Int64(1), "1:fs", "x")); p.TakeInto(&taken) }},
		{"Merge", func() { total.Reset(); check(total.Merge(&full)) }},
		{"MessagePack", func() { check(decodeMessagePack(data, &decoded)) }},
		{"JSON", func() { check(decodeJSON(jsonData, &decoded)) }},
		{"JSON with escapes", func() { check(decodeJSON(jsonEscapes, &decoded)) }},
		{"connectors", decodeConnectors},
		{"SchedulerStats", message(scheduler)},
		{"EngineCoreOutputs", message(outputs)},
		{"another connector", message(alone)},
		{"SchedulerStats in JSON", func() { check(decodeJSON(jsonConnectors, &decoded)) }},
		{"Merge with connectors", func() { decodeConnectors(); total.Reset(); check(total.Merge(&decoded)) }},
		{"TakeInto with connectors", func() { decodeConnectors(); decoded.TakeInto(&taken) }},
		{"AppendMessagePack", func() { buffer = full.AppendMessagePack(buffer[:0]) }},
		{"AppendJSON", func() { buffer = full.AppendJSON(buffer[:0]) }},
		{"iterators", func() {
			n := 0
			for m := range full.Metrics() {
				for e := range m.Entries() {
					n += len(e.LabelValues()) + len(e.Samples())
				}
			}
			for _, child := range full.Connectors() {
				for range child.Metrics() {
					n++
				}
			}
			if n == 0 {
				t.Error("nothing to range over")
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// Sample buffers grow for the first few rounds.
			for range 200 {
				test.run()
			}
			p.Reset()
			test.run()
			if allocs := testing.AllocsPerRun(100, test.run); allocs != 0 {
				t.Errorf("%v allocations a run, want 0", allocs)
			}
		})
	}
}
