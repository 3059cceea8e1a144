package stats_test

import (
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
