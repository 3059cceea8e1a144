// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestObserveInAnyOrder observes payloads whose entries come in the order of the
// first one, in any other, and with some missing or new. Each counts for its own
// series, and none allocates.
func TestObserveInAnyOrder(t *testing.T) {
	const tiers = 6
	random := rand.New(rand.NewPCG(7, 7))
	payloads := make([]*stats.Payload, 40)
	want := make(map[string]float64)
	for i := range payloads {
		payloads[i] = new(stats.Payload)
		order := random.Perm(tiers)
		if i == 0 {
			order = []int{0, 1, 2, 3, 4, 5}
		}
		for _, tier := range order[:1+random.IntN(tiers)] {
			label := fmt.Sprintf("%d:fs", tier+1)
			increment := random.Int64N(100)
			must[*stats.Int64Counter](t)(payloads[i].Int64Counter(vllm.TieringReadBytes, label)).Add(increment)
			want[label] += float64(increment)
		}
	}
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		observe := func() {
			for _, p := range payloads {
				if err := engine.Observe(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
		}
		observe()
		collected := recorder.Collect()
		for label, value := range want {
			if got := collected.Value(vllm.TieringReadBytes, tierLabels("0", label)); got != value {
				t.Errorf("tier %q has %v, want %v", label, got, value)
			}
		}
		if allocations := testing.AllocsPerRun(10, observe); allocations != 0 {
			t.Errorf("observing again allocates %v times", allocations)
		}
	})
}
