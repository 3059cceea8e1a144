// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestPriming counts, for every definition, the series that an engine with two
// tiers has before traffic.
func TestPriming(t *testing.T) {
	catalogue := vllm.TieringSpec()
	tiers := otelkv.WithTiers("fs", "obj")
	for name, c := range map[string]struct {
		options []otelkv.EngineOption
		want    func(schema.Definition) int
	}{
		"off": {[]otelkv.EngineOption{tiers}, startingSeries},
		"on": {[]otelkv.EngineOption{tiers, otelkv.WithPriming()}, func(d schema.Definition) int {
			switch {
			case d.FromInfo:
				return 0
			case len(d.LabelNames) == 0:
				return 1
			case d.LabelNames[0] == "transfer_type":
				return 2
			case d.PrimaryTier:
				return 3
			}
			return 2
		}},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
				addEngine(t, recorder, 0, c.options...)
				collected := recorder.Collect()
				want, got := make(map[string]int), make(map[string]int)
				for d := range catalogue.All() {
					want[d.PrometheusName], got[d.PrometheusName] = c.want(d), len(collected.Select(d, nil))
					if d.Kind() == schema.KindHistogram && got[d.PrometheusName] == 0 && !onProducer(t) {
						// Instruments cannot show a histogram without a sample.
						want[d.PrometheusName] = 0
					}
					for _, p := range collected.Select(d, nil) {
						if p.Value != 0 || p.Count != 0 || p.Sum != 0 {
							t.Errorf("%s%s is not zero", d.PrometheusName, labelsOf(p.Attributes))
						}
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("number of series (-want +got):\n%s", diff)
				}
				if err := otelkvtest.Check(catalogue, collected.ResourceMetrics); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// startingSeries is the number of series that vLLM itself shows before traffic.
func startingSeries(d schema.Definition) int {
	if d.StartsAtZero {
		return max(1, len(d.Mirrors))
	}
	return 0
}

// TestPresenceCheckOfTheRouter: llm-d-router looks for these families, and reads
// hits over queries of a tier that it is configured with.
func TestPresenceCheckOfTheRouter(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		addEngine(t, recorder, 0, otelkv.WithTiers("fs"), otelkv.WithPriming())
		got := recorder.Collect()
		for _, m := range []schema.Metric{vllm.CPUCacheUsage, vllm.LoadBytes, vllm.StoreBytes, vllm.TotalBytes} {
			if !got.Has(m, engineLabels("0")) {
				t.Errorf("%s is absent", m.Definition().PrometheusName)
			}
		}
		for _, m := range []schema.Metric{vllm.TieringChunkHits, vllm.TieringChunkQueries} {
			if v := got.Value(m, tierLabels("0", "1:fs")); v != 0 {
				t.Errorf("%s of the declared tier is %v, want 0", m.Definition().PrometheusName, v)
			}
		}
	})
}

func TestPrimingOfListedLabelValues(t *testing.T) {
	catalogue := vllm.SimpleCPUSpec()
	recorder := otelkvtest.NewRecorder(t, catalogue)
	addEngine(t, recorder, 0, otelkv.WithPriming())
	got := recorder.Collect()
	for d := range catalogue.All() {
		want := 1
		for _, label := range d.LabelNames {
			want *= len(d.LabelValues[label])
		}
		if d.FromInfo {
			want = 0
		}
		if n := len(got.Select(d, nil)); n != want {
			t.Errorf("%s has %d series, want %d", d.PrometheusName, n, want)
		}
	}
}
