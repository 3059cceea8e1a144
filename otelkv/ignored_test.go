// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestStatsOfOtherConnectors holds vLLM's MultiConnector beside NIXL: ours are
// recorded, the others are counted by name, and nothing is an error.
func TestStatsOfOtherConnectors(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.LoadBytes)
	byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		for _, text := range []string{
			`{"OffloadingConnector": {"data": {"types": {"vllm:kv_offload_load_bytes": "counter"}, "data": {"vllm:kv_offload_load_bytes": 7}}},
				"NixlConnector": {"data": {"transfer_duration": [0.5]}}}`,
			`{"NixlConnector": {"transfer_duration": []}, "MooncakeConnector": {"save_put": [{"num_keys": 1}]}}`,
			`{"transfer_duration": [0.5]}`,
		} {
			if err := engine.Observe(t.Context(), payload(t, text)); err != nil {
				t.Error(err)
			}
		}
		want := map[string]int64{"NixlConnector": 2, "MooncakeConnector": 1, "unnamed": 1}
		statistics := recorder.Statistics()
		if diff := cmp.Diff(want, statistics.Ignored); diff != "" {
			t.Errorf("ignored (-want +got):\n%s", diff)
		}
		if statistics.Payloads != 3 || len(statistics.Rejected) > 0 {
			t.Errorf("%d payloads and %v rejected, want 3 and none", statistics.Payloads, statistics.Rejected)
		}
		got := recorder.Collect()
		for name, n := range want {
			if v := got.Value(selfmetrics.IgnoredPayloads, otelkvtest.Labels{selfmetrics.LabelConnector: name}); v != float64(n) {
				t.Errorf("%s shows %v for %s, want %d", selfmetrics.IgnoredPayloads.Name, v, name, n)
			}
		}
		if diff := cmp.Diff([]string{`vllm:kv_offload_load_bytes{"engine":"0","model_name":"m"} 7`}, shown(got, catalogue)); diff != "" {
			t.Errorf("series (-want +got):\n%s", diff)
		}
		// The next collection shows the totals, not what came since.
		if err := engine.Observe(t.Context(), payload(t, `{"x": [1]}`)); err != nil {
			t.Error(err)
		}
		if v := recorder.Collect().Value(selfmetrics.IgnoredPayloads, otelkvtest.Labels{selfmetrics.LabelConnector: "unnamed"}); v != 2 {
			t.Errorf("the total is %v, want 2", v)
		}
	}, otelkv.WithSelfMetrics())
}

// TestIgnoredNamesAreBounded sends names that never repeat, and one that no label
// can hold.
func TestIgnoredNamesAreBounded(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.LoadBytes), otelkv.WithSelfMetrics())
	engine := addEngine(t, recorder, 0)
	long := strings.Repeat("x", maxLabelLength+1)
	var p stats.Payload
	for i := range 3 * maxConnectors {
		text := fmt.Appendf(nil, `{%q: {"x": [1]}, "X%d": {"x": [1]}}`, long, i)
		if err := (stats.Decoder{Limits: stats.Limits{LabelLength: 2 * len(long)}}).JSON(text, &p); err != nil {
			t.Fatal(err)
		}
		if err := engine.Observe(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
	}
	counts := recorder.Statistics().Ignored
	sum := int64(0)
	for n := range maps.Values(counts) {
		sum += n
	}
	// The long name has taken the place of one that is told apart.
	if len(counts) != maxConnectors || counts[otelkv.Other] != 5*maxConnectors+1 || sum != 6*maxConnectors {
		t.Errorf("%d names, %d of other, %d in all", len(counts), counts[otelkv.Other], sum)
	}
	got := recorder.Collect()
	if n := len(got.Select(selfmetrics.IgnoredPayloads, nil)); n != len(counts) {
		t.Errorf("%d series, want %d", n, len(counts))
	}
	if v := got.Value(selfmetrics.IgnoredPayloads, otelkvtest.Labels{selfmetrics.LabelConnector: otelkv.Other}); v != float64(counts[otelkv.Other]) {
		t.Errorf("other shows %v, want %d", v, counts[otelkv.Other])
	}
}

// TestEmptyConnectorsTakeNoPlace shows that a connector is one of those that are
// told apart once it has sent something.
func TestEmptyConnectorsTakeNoPlace(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.LoadBytes),
		otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"}))
	engine := addEngine(t, recorder, 0)
	for i := range maxConnectors {
		if err := engine.Observe(t.Context(), payload(t, fmt.Sprintf(`{"X%d": {"types": {}, "data": {}}}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	ours := `{"A": {"types": {"vllm:kv_offload_load_bytes": "counter"}, "data": {"vllm:kv_offload_load_bytes": 7}}}`
	if err := engine.Observe(t.Context(), payload(t, ours)); err != nil {
		t.Fatal(err)
	}
	if !recorder.Collect().Has(vllm.LoadBytes, otelkvtest.Labels{"connector": "A"}) {
		t.Error("the connector is not told apart")
	}
}

func TestObserveOfOtherConnectorsDoesNotAllocate(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0))
	engine := addEngine(t, recorder, 0)
	p := payload(t, `{"OffloadingConnector": {"types": {"vllm:kv_offload_load_bytes": "counter"}, "data": {"vllm:kv_offload_load_bytes": 7}},
		"NixlConnector": {"transfer_duration": [0.5]}}`)
	if n := testing.AllocsPerRun(100, func() {
		if err := engine.Observe(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Observe allocates %v times", n)
	}
}
