// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// simplePayload returns a payload of the simple CPU connector: gauges and info
// as it sends them with every drain, and stored blocks.
func simplePayload(used, pending, stored int) string {
	return fmt.Sprintf(`{"types": {"vllm:simple_kv_offload_used_blocks": "gauge", "vllm:simple_kv_offload_pending_store_blocks": "gauge",
		"vllm:simple_kv_offload_info": "gauge", "vllm:simple_kv_offload_save_outcomes_total": "counter"},
		"data": {"vllm:simple_kv_offload_used_blocks": %d, "vllm:simple_kv_offload_pending_store_blocks": %d,
		"vllm:simple_kv_offload_info": [{"labels": ["cpu", "false", "false", "64"], "value": 1}],
		"vllm:simple_kv_offload_save_outcomes_total": [{"labels": ["stored"], "value": %d}]}}`, used, pending, stored)
}

// TestVLLMSimpleConnectorObserve holds the cases of vLLM's own tests of its
// simple CPU offload connector that concern what a scrape shows.
func TestVLLMSimpleConnectorObserve(t *testing.T) {
	series := func(engine, used, pending int, more ...string) []string {
		return append([]string{
			fmt.Sprintf(`vllm:simple_kv_offload_used_blocks{"engine":"%d","model_name":"m"} %d`, engine, used),
			fmt.Sprintf(`vllm:simple_kv_offload_pending_store_blocks{"engine":"%d","model_name":"m"} %d`, engine, pending),
		}, more...)
	}
	info := `vllm:simple_kv_offload_info{"backend":"cpu","capacity_blocks":"64","engine":"0","lazy_offload":"false","model_name":"m","page_cache":"false"} 1`
	stored := func(n int) string {
		return fmt.Sprintf(`vllm:simple_kv_offload_save_outcomes_total{"engine":"0","model_name":"m","outcome":"stored"} %d`, n)
	}
	type observed struct {
		engine  int
		payload string
	}
	for name, c := range map[string]struct {
		engines  []int
		observed []observed
		want     []string
	}{
		"startup zeros":               {[]int{0, 3}, nil, append(series(0, 0, 0), series(3, 0, 0)...)},
		"used, pending and info":      {[]int{0}, []observed{{0, simplePayload(5, 1, 1)}}, series(0, 5, 1, info, stored(1))},
		"two observes, one series":    {[]int{0}, []observed{{0, simplePayload(5, 1, 1)}, {0, simplePayload(2, 0, 1)}}, series(0, 2, 0, info, stored(2))},
		"one of two engines observed": {[]int{0, 3}, []observed{{0, simplePayload(5, 1, 1)}}, append(series(0, 5, 1, info, stored(1)), series(3, 0, 0)...)},
		"per engine": {[]int{0, 1}, []observed{{1, `{"types": {"vllm:simple_kv_offload_used_blocks": "gauge"}, "data": {"vllm:simple_kv_offload_used_blocks": 3}}`}},
			append(series(0, 0, 0), series(1, 3, 0)...)},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, vllm.SimpleCPUSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
				for _, index := range c.engines {
					addEngine(t, recorder, index)
				}
				for _, o := range c.observed {
					if err := recorder.Observe(t.Context(), o.engine, payload(t, o.payload)); err != nil {
						t.Fatal(err)
					}
				}
				got := shown(recorder.Collect(), vllm.SimpleCPUSpec())
				if diff := cmp.Diff(lineSet(c.want), lineSet(got)); diff != "" {
					t.Errorf("series (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// lineSet forgets the order of lines, in which engines are listed by metric.
func lineSet(lines []string) map[string]bool {
	set := make(map[string]bool, len(lines))
	for _, line := range lines {
		set[line] = true
	}
	return set
}

// TestVLLMSimpleConnectorRefuses holds what vLLM asserts for the same connector.
func TestVLLMSimpleConnectorRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		want    error
		text    string
	}{
		"unknown": {`{"types": {"vllm:kv_offload_load_bytes": "counter"}, "data": {"vllm:kv_offload_load_bytes": 1}}`,
			otelkv.ErrUnknownMetric, "not in the catalogue"},
		"wrong arity": {`{"types": {"vllm:simple_kv_offload_save_outcomes_total": "counter"},
			"data": {"vllm:simple_kv_offload_save_outcomes_total": [{"labels": ["stored", "extra"], "value": 1}]}}`,
			otelkv.ErrLabelValues, `expects 1 labels ["outcome"], got 2`},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := otelkvtest.NewRecorder(t, vllm.SimpleCPUSpec())
			addEngine(t, recorder, 0)
			err := recorder.Observe(t.Context(), 0, payload(t, c.payload))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want an error that wraps %q and says %q", err, c.want, c.text)
			}
		})
	}
}

// TestVLLMSimplePoolObserve holds vLLM's case of the other design: its copies
// are those of the shared family, and each is mirrored once.
func TestVLLMSimplePoolObserve(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.SimpleCPUPoolSpec())
	addEngine(t, recorder, 0)
	err := recorder.Observe(t.Context(), 0, payload(t, `{"types": {
		"vllm:kv_offload_load_bytes": "counter", "vllm:kv_offload_load_time": "counter", "vllm:kv_offload_load_size": "histogram",
		"vllm:kv_offload_store_bytes": "counter", "vllm:kv_offload_store_time": "counter", "vllm:kv_offload_store_size": "histogram",
		"vllm:simple_cpu_offload_pending_loads": "gauge"}, "data": {
		"vllm:kv_offload_load_bytes": 4096, "vllm:kv_offload_load_time": 0.01, "vllm:kv_offload_load_size": [4096],
		"vllm:kv_offload_store_bytes": 8192, "vllm:kv_offload_store_time": 0.02, "vllm:kv_offload_store_size": [8192],
		"vllm:simple_cpu_offload_pending_loads": 1}}`))
	if err != nil {
		t.Fatal(err)
	}
	load, store := otelkvtest.Labels{"transfer_type": "CPU_to_GPU"}, otelkvtest.Labels{"transfer_type": "GPU_to_CPU"}
	m := recorder.Collect()
	for name, c := range map[string]struct{ got, want float64 }{
		"load bytes":           {m.Value(vllm.LoadBytes, nil), 4096},
		"load time":            {m.Value(vllm.LoadTime, nil), 0.01},
		"load size":            {m.Point(vllm.LoadSize, nil).Sum, 4096},
		"store bytes":          {m.Value(vllm.StoreBytes, nil), 8192},
		"store time":           {m.Value(vllm.StoreTime, nil), 0.02},
		"store size":           {m.Point(vllm.StoreSize, nil).Sum, 8192},
		"mirrored load bytes":  {m.Value(vllm.TotalBytes, load), 4096},
		"mirrored load time":   {m.Value(vllm.TotalTime, load), 0.01},
		"mirrored load size":   {m.Point(vllm.Size, load).Sum, 4096},
		"mirrored store bytes": {m.Value(vllm.TotalBytes, store), 8192},
		"mirrored store time":  {m.Value(vllm.TotalTime, store), 0.02},
		"mirrored store size":  {m.Point(vllm.Size, store).Sum, 8192},
		"pending loads":        {m.Value(vllm.PoolPendingLoads, nil), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", name, c.got, c.want)
		}
	}
	if n := len(m.Select(vllm.Size, nil)); n != 2 {
		t.Errorf("%d series of %s, want one for each direction", n, vllm.Size.PrometheusName)
	}
}
