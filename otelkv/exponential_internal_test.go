// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// inBucket reports whether a sample is greater than 2^(index/32) and not greater than
// 2^((index+1)/32), exactly.
func inBucket(sample float64, index int) bool {
	power := big.NewFloat(sample).SetPrec(4096)
	for range exponentialScale {
		power.Mul(power, power)
	}
	limit := func(i int) *big.Float { return new(big.Float).SetPrec(64).SetMantExp(big.NewFloat(1), i) }
	return power.Cmp(limit(index)) > 0 && power.Cmp(limit(index+1)) <= 0
}

func TestExponentialIndex(t *testing.T) {
	samples := []float64{math.SmallestNonzeroFloat64, 3 * math.SmallestNonzeroFloat64, 0x1p-1022, math.Nextafter(0x1p-1022, 0), 1, math.Nextafter(1, 0), math.Nextafter(1, 2), math.MaxFloat64, 0x1p1023, 1e-300, 2e8}
	// What lies next to the ends of the buckets of an octave.
	for i := range bucketsPerOctave {
		end := math.Exp2(float64(i+1) / bucketsPerOctave)
		samples = append(samples, end, math.Nextafter(end, 0), math.Nextafter(end, 3), end*0x1p-1060, end*0x1p900)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		samples = append(samples, math.Float64frombits(random.Uint64()&(1<<63-1)))
	}
	for _, sample := range samples {
		if !finite(sample) || sample == 0 {
			continue
		}
		if index := exponentialIndex(sample); !inBucket(sample, index) {
			t.Fatalf("sample %v is not in bucket %d", sample, index)
		}
	}
}

func FuzzExponentialIndex(f *testing.F) {
	for _, sample := range []float64{1, 0.5, 3e9, math.SmallestNonzeroFloat64, math.MaxFloat64} {
		f.Add(sample)
	}
	f.Fuzz(func(t *testing.T, sample float64) {
		if sample = math.Abs(sample); sample == 0 || !finite(sample) {
			return
		}
		if index := exponentialIndex(sample); !inBucket(sample, index) {
			t.Errorf("sample %v is not in bucket %d", sample, index)
		}
		c := new(exponentialCell)
		c.record(sample)
		counts := c.read()
		counts.each(func(index int, n uint64) {
			if n != 1 || !inBucket(sample, index) {
				t.Errorf("sample %v counts as %d in bucket %d", sample, n, index)
			}
		})
	})
}
