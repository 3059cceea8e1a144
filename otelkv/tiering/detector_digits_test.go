// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

// TestAverageHasTheDigitsOfVLLM compares to the last digit with what Python computes
// for vLLM's formula, alpha*x + (1-alpha)*average. The form average + alpha*(x-average)
// differs in the last digit for some of these samples.
func TestAverageHasTheDigitsOfVLLM(t *testing.T) {
	alpha, seed := 0.3, 0.01 // variables, since constants are computed exactly
	differs := false
	for _, sample := range []float64{0.02, 0.0125, 0.004, 0.03, 0.015, 0.017, 0.007, 0.011} {
		d := newWatched(t, "fs", tiering.DefaultBackPressure("fs", ""))
		d.stores(3, seed)
		mean, _ := d.StoreLatency(1)
		d.store(sample)
		weighted, rest := alpha*sample, (1-alpha)*mean
		want := weighted + rest
		if got, _ := d.StoreLatency(1); got != want {
			t.Errorf("after a sample of %v the average is %v, want %v", sample, got, want)
		}
		step := alpha * (sample - mean)
		differs = differs || mean+step != want
	}
	if !differs {
		t.Error("no sample tells the forms apart")
	}
}

// TestThrottleRoundsHalfToEven holds Python's rounding: a rate of 0.4 drops every
// second store, since round(2.5) is 2.
func TestThrottleRoundsHalfToEven(t *testing.T) {
	d := newWatched(t, "fs", tiering.BackPressure{
		Policy: tiering.ThrottledDropPolicy, HighWater: 1, LowWater: 0.5, Alpha: 1,
		DecayHalfLife: time.Second,
	})
	d.store(1.8)
	if admitted := d.ask(6); admitted != 3 {
		t.Errorf("%d of 6 stores were admitted, want 3", admitted)
	}
}
