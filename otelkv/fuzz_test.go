// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// FuzzObserve: whatever a payload holds, what is emitted keeps every rule of the
// catalogue.
func FuzzObserve(f *testing.F) {
	f.Add(`{"types": {"vllm:kv_offload_load_bytes": "counter"}, "data": {"vllm:kv_offload_load_bytes": 24}}`)
	f.Add(`{"types": {"vllm:kv_offload_load_size": "histogram"}, "data": {"vllm:kv_offload_load_size": [1e308, 1e308, -1]}}`)
	f.Add(`{"types": {"vllm:kv_offload_load_bytes": "counter"}, "data": {"vllm:kv_offload_load_bytes": 9223372036854775807}}`)
	f.Add(`{"types": {"vllm:kv_offload_tiering_read_bytes": "counter"}, "data": {"vllm:kv_offload_tiering_read_bytes": [{"labels": ["1:fs"], "value": 7}]}}`)
	f.Add(`{"types": {}, "data": {}, "info": {"cpu_num_chunks": "7", "x": "y"}}`)
	f.Add(`{"A": {"data": {"types": {"vllm:kv_offload_load_time": "counter"}, "data": {"vllm:kv_offload_load_time": 1e308}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p := new(stats.Payload)
		if err := p.UnmarshalJSON([]byte(text)); err != nil && p.IsEmpty() {
			return
		}
		catalogue := vllm.TieringSpec()
		recorder := otelkvtest.NewRecorder(t, catalogue,
			otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"}), otelkv.WithSeriesLimits(10, 0))
		engine := addEngine(t, recorder, 0)
		for range 3 {
			if err := engine.Observe(t.Context(), p); err != nil && !strings.HasPrefix(err.Error(), "otelkv: ") {
				t.Errorf("the error reads %q", err)
			}
		}
		for _, m := range []*otelkvtest.Metrics{recorder.Collect(), recorder.CollectDelta()} {
			if err := otelkvtest.Check(catalogue, m.ResourceMetrics, otelkvtest.WithOptionalLabels("connector")); err != nil {
				t.Error(err)
			}
		}
	})
}
