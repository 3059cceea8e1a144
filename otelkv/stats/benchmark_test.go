// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/internal/conformance"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// stepPayload is what a scheduler step with three tiers sends: 30 series and 130
// values, as bytes of MessagePack.
func stepPayload(t testing.TB) []byte {
	b := build(t)
	for _, tier := range []string{"0:primary", "1:fs", "2:p2p"} {
		b.counter("vllm:kv_offload_tiering_chunk_queries", stats.Int64(64), tier)
		b.counter("vllm:kv_offload_tiering_chunk_hits", stats.Int64(40), tier)
		b.counter("vllm:kv_offload_tiering_read_bytes", stats.Int64(1<<26), tier)
		b.counter("vllm:kv_offload_tiering_read_time", stats.Float64(0.125), tier)
		b.counter("vllm:kv_offload_tiering_write_bytes", stats.Int64(1<<25), tier)
		b.gauge("vllm:kv_offload_tiering_primary_read_usage_perc", stats.Float64(0.25), tier)
		b.gauge("vllm:kv_offload_tiering_active_promotion_jobs", stats.Int64(2), tier)
		for i := range 30 {
			b.histogram("vllm:kv_offload_tiering_lookup_sync_delay_seconds", floats(1e-5*float64(i+1)), tier)
		}
	}
	for i := range 14 {
		b.histogram("vllm:kv_offload_load_size", ints(int64(i)*1e6))
	}
	b.counter("vllm:kv_offload_load_bytes", stats.Int64(4611932160))
	b.counter("vllm:kv_offload_load_time", stats.Float64(0.0964))
	b.gauge("vllm:kv_offload_cpu_cache_usage_perc", stats.Float64(0.5))
	b.gauge("vllm:kv_offload_cpu_cache_read_usage_perc", stats.Float64(0.25))
	b.gauge("vllm:kv_offload_cpu_cache_write_usage_perc", stats.Float64(0.25))
	return b.AppendMessagePack(nil)
}

func BenchmarkDecodeMessagePack(b *testing.B) {
	data := stepPayload(b)
	b.Run("impl=otelkv", func(b *testing.B) {
		var p stats.Payload
		b.ReportAllocs()
		for b.Loop() {
			if err := decodeMessagePack(data, &p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("impl=library", func(b *testing.B) {
		// The library cannot decode array keys at all, so it is given the same payload
		// with the label values joined into strings.
		data := withStringKeys(b, data)
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := msgp.ReadMapStrIntfBytes(data, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// withStringKeys turns label values, at most one for each entry, into string keys.
func withStringKeys(t testing.TB, data []byte) []byte {
	t.Helper()
	var p stats.Payload
	if err := decodeMessagePack(data, &p); err != nil {
		t.Fatal(err)
	}
	types, values := map[string]any{}, map[string]any{}
	for m := range p.Metrics() {
		types[m.Name()] = m.Kind().String()
		entries := map[string]any{}
		for e := range m.Entries() {
			key := ""
			for _, v := range e.LabelValues() {
				key += v
			}
			value := number(e.Value())
			if m.Kind() == schema.KindHistogram {
				var list []any
				for _, n := range e.Samples() {
					list = append(list, number(n))
				}
				value = list
			}
			entries[key] = value
		}
		values[m.Name()] = entries
	}
	out, err := msgp.AppendMapStrIntf(nil, map[string]any{"types": types, "data": values})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func number(n stats.Number) any {
	if v, exact := n.Int64(); exact && n.IsInt64() {
		return v
	}
	return n.Float64()
}

func BenchmarkDecodeJSON(b *testing.B) {
	var p stats.Payload
	if err := decodeMessagePack(stepPayload(b), &p); err != nil {
		b.Fatal(err)
	}
	data := p.AppendJSON(nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := decodeJSON(data, &p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeMessagePack(b *testing.B) {
	var p stats.Payload
	if err := decodeMessagePack(stepPayload(b), &p); err != nil {
		b.Fatal(err)
	}
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = p.AppendMessagePack(buffer[:0])
	}
}

func BenchmarkMergeConformance(b *testing.B) {
	record := conformance.Cases(b)[0].MessagePackRecords(b)[0]
	var p, total stats.Payload
	if err := decodeMessagePack(record.Stats, &p); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		total.Reset()
		if err := total.Merge(&p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHandles(b *testing.B) {
	var p stats.Payload
	bytes, err := p.Int64Counter(bytesCounter, "1:fs")
	if err != nil {
		b.Fatal(err)
	}
	seconds, err := p.Float64Counter(secondsCounter, "1:fs")
	if err != nil {
		b.Fatal(err)
	}
	usage, err := p.Float64Gauge(usageGauge)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Int64Counter", func(b *testing.B) {
		for b.Loop() {
			bytes.Add(3)
		}
	})
	b.Run("Float64Counter", func(b *testing.B) {
		for b.Loop() {
			seconds.Add(0.5)
		}
	})
	b.Run("Float64Gauge", func(b *testing.B) {
		for b.Loop() {
			usage.Record(0.5)
		}
	})
}

var (
	bytesCounter = schema.Int64Counter{
		Name: "test.bytes", PrometheusName: "test:bytes", Unit: "By", LabelNames: []string{"tier"},
	}
	secondsCounter = schema.Float64Counter{
		Name: "test.time", PrometheusName: "test:time", Unit: "s", LabelNames: []string{"tier"},
	}
	blocksGauge = schema.Int64Gauge{Name: "test.blocks", PrometheusName: "test:blocks", Unit: "{block}"}
	usageGauge  = schema.Float64Gauge{Name: "test.usage", PrometheusName: "test:usage", Unit: "1"}
	sizes       = schema.Histogram{
		Name: "test.size", PrometheusName: "test:size", Unit: "By", LabelNames: []string{"tier"}, Boundaries: []float64{1, 2},
	}
)
