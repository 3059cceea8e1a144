// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// recordings returns the queries that dashboards over long ranges and a service's own
// alerts use most.
func recordings(w *writer) []recording {
	byEngine := func(m schema.Metric) term { return w.sum(w.rate(m), byEngine()...) }
	byTier := func(m schema.Metric) term { return w.sum(w.rate(m), byEngineAndTier()...) }
	return []recording{
		{recordingName("model_engine", vllm.LoadBytes, "rate5m"), byEngine(vllm.LoadBytes)},
		{recordingName("model_engine", vllm.StoreBytes, "rate5m"), byEngine(vllm.StoreBytes)},
		{
			recordingName("model_engine", vllm.LoadBytes, "rate5m_per_load_second"),
			ratio(byEngine(vllm.LoadBytes), byEngine(vllm.LoadTime)),
		},
		{
			recordingName("model_engine", vllm.StoreBytes, "rate5m_per_store_second"),
			ratio(byEngine(vllm.StoreBytes), byEngine(vllm.StoreTime)),
		},
		{
			recordingName("model", vllm.LookupSyncDelay, "p90_5m"),
			w.quantile(0.9, vllm.LookupSyncDelay, schema.LabelModelName),
		},
		{recordingName("model_engine_tier", vllm.TieringReadBytes, "rate5m"), byTier(vllm.TieringReadBytes)},
		{recordingName("model_engine_tier", vllm.TieringWriteBytes, "rate5m"), byTier(vllm.TieringWriteBytes)},
		{
			recordingName("model_engine_tier", vllm.TieringChunkHits, "rate5m_per_query"),
			ratio(byTier(vllm.TieringChunkHits), byTier(vllm.TieringChunkQueries)),
		},
	}
}

func byEngineAndTier() []string {
	return append(byEngine(), schema.LabelTier)
}

// recordingTest computes every recording from counters with a known growth.
func recordingTest() ruleTest {
	const engine, tier = `{model_name="llama", engine="0"}`, `{model_name="llama", engine="0", tier="1:fs"}`
	test := ruleTest{
		Name:     "recordings",
		Interval: "1m",
		InputSeries: inputs(
			counted(vllm.LoadBytes, "0+6000x20"), counted(vllm.LoadTime, "0+6x20"),
			counted(vllm.StoreBytes, "0+1200x20"), counted(vllm.StoreTime, "0+3x20"),
			bucket(vllm.LookupSyncDelay, "0.001", "0+0x20"), bucket(vllm.LookupSyncDelay, "0.005", "0+60x20"),
			bucket(vllm.LookupSyncDelay, "+Inf", "0+60x20"),
			counted(vllm.TieringReadBytes, "0+600x20", "1:fs"), counted(vllm.TieringWriteBytes, "0+60x20", "1:fs"),
			counted(vllm.TieringChunkQueries, "0+60x20", "1:fs"), counted(vllm.TieringChunkHits, "0+15x20", "1:fs"),
			// A tier without queries has no hit rate.
			counted(vllm.TieringChunkQueries, "60x20", "2:obj"), counted(vllm.TieringChunkHits, "15x20", "2:obj"),
		),
	}
	for _, want := range []struct {
		name   string
		labels string
		value  float64
	}{
		{recordingName("model_engine", vllm.LoadBytes, "rate5m"), engine, 100},
		{recordingName("model_engine", vllm.StoreBytes, "rate5m"), engine, 20},
		{recordingName("model_engine", vllm.LoadBytes, "rate5m_per_load_second"), engine, 1000},
		{recordingName("model_engine", vllm.StoreBytes, "rate5m_per_store_second"), engine, 400},
		{recordingName("model", vllm.LookupSyncDelay, "p90_5m"), `{model_name="llama"}`, 0.0046},
		{recordingName("model_engine_tier", vllm.TieringReadBytes, "rate5m"), tier, 10},
		{recordingName("model_engine_tier", vllm.TieringWriteBytes, "rate5m"), tier, 1},
		{recordingName("model_engine_tier", vllm.TieringChunkHits, "rate5m_per_query"), tier, 0.25},
	} {
		test.Expressions = append(test.Expressions, expressionTest{
			Expr: want.name, EvalTime: "15m", Samples: []expectedSample{{want.name + want.labels, want.value}},
		})
	}
	return test
}
