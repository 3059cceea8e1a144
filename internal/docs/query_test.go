// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestWriterWrites(t *testing.T) {
	for _, test := range []struct {
		name  string
		write func(*writer) term
		want  string
	}{
		{
			"rate", func(w *writer) term { return w.rate(vllm.LoadBytes) },
			`rate(vllm:kv_offload_load_bytes_total{engine="0"}[5m])`,
		},
		{
			"sum by", func(w *writer) term { return w.sum(w.rate(vllm.TieringChunkHits), "tier") },
			`sum by (tier) (rate(vllm:kv_offload_tiering_chunk_hits_total{engine="0"}[5m]))`,
		},
		{
			"sum without", func(w *writer) term { return w.sumWithout("tier", w.rate(vllm.TieringChunkHits)) },
			`sum without (tier) (rate(vllm:kv_offload_tiering_chunk_hits_total{engine="0"}[5m]))`,
		},
		{
			"grown", func(w *writer) term { return w.grown(vllm.LoadBytes) },
			`increase(vllm:kv_offload_load_bytes_total{engine="0"}[5m]) > 0` +
				` or (vllm:kv_offload_load_bytes_total{engine="0"} > 0 unless vllm:kv_offload_load_bytes_total{engine="0"} offset 5m > 0)`,
		},
		{
			"quantile", func(w *writer) term { return w.quantile(0.9, vllm.LoadSize, "model_name") },
			`histogram_quantile(0.9, sum by (model_name) (rate(vllm:kv_offload_load_size{engine="0"}[5m]))) >= 0` +
				` or histogram_quantile(0.9, sum by (le, model_name) (rate(vllm:kv_offload_load_size_bucket{engine="0"}[5m]))) >= 0`,
		},
		{
			"beyond", func(w *writer) term { return w.beyond(0.005, vllm.LookupSyncDelay) },
			`1 - (histogram_fraction(0, 0.005, rate(vllm:kv_offload_lookup_sync_delay_seconds{engine="0"}[5m])) >= 0` +
				` or sum without (le) (rate(vllm:kv_offload_lookup_sync_delay_seconds_bucket{engine="0",le="0.005"}[5m]))` +
				` / (rate(vllm:kv_offload_lookup_sync_delay_seconds_count{engine="0"}[5m]) > 0))`,
		},
		{
			"lowest, above", func(w *writer) term { return above(0, w.lowest(vllm.TieringActiveCascadeJobs)) },
			`min_over_time(vllm:kv_offload_tiering_active_cascade_jobs{engine="0"}[5m]) > 0`,
		},
		{
			"another window", func(w *writer) term {
				return w.within("1h", func(w *writer) term { return w.rate(vllm.LoadBytes) })
			},
			`rate(vllm:kv_offload_load_bytes_total{engine="0"}[1h])`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &writer{engine: []string{`engine="0"`}, window: "5m"}
			if got := test.write(w).text; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if err := w.err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		write func(*writer) term
		want  string
	}{
		{"rate of a gauge", func(w *writer) term { return w.rate(vllm.CPUCacheUsage) }, "expected a counter"},
		{"gauge of a counter", func(w *writer) term { return w.gauge(vllm.LoadBytes) }, "expected a gauge"},
		{"buckets of a counter", func(w *writer) term { return w.quantile(0.5, vllm.LoadBytes) }, "expected a histogram"},
		{"a label that is not there", func(w *writer) term { return w.sum(w.rate(vllm.LoadBytes), "tier") }, `by "tier"`},
		{"a label to leave out that is not there", func(w *writer) term { return w.sumWithout("tier", w.rate(vllm.LoadBytes)) }, `without "tier"`},
		{"errors of another window", func(w *writer) term {
			return w.within("1h", func(w *writer) term { return w.rate(vllm.CPUCacheUsage) })
		}, "expected a counter"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &writer{window: "5m"}
			test.write(w)
			if err := w.err(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
