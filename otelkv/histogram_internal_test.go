// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestBucket(t *testing.T) {
	few := []float64{-1, 0, 0.5, 8}
	many := make([]float64, 2*tableParts)
	for i := range many {
		many[i] = float64(i)
	}
	all := []float64{math.SmallestNonzeroFloat64, math.MaxFloat64}
	for _, test := range []struct {
		name       string
		boundaries []float64
		sample     float64
		want       int
	}{
		{"on zero", few, 0, 1},
		{"negative zero on zero", few, math.Copysign(0, -1), 1},
		{"zero on negative zero", []float64{math.Copysign(0, -1), 1}, 0, 0},
		{"the least above zero", few, math.SmallestNonzeroFloat64, 2},
		{"above boundaries that are all negative", []float64{-3, -2, -1}, 0, 3},
		{"on the last", few, 8, 3},
		{"above the last", few, math.Nextafter(8, 9), 4},
		{"the greatest", few, math.MaxFloat64, 4},
		{"no boundaries", nil, 1, 0},
		{"of all numbers: in the middle", all, 1, 1},
		{"of all numbers: on the last", all, math.MaxFloat64, 1},
		{"many: on the first", many, 0, 0},
		{"many: on one in the middle", many, 16, 16},
		{"many: above one in the middle", many, 16.5, 17},
		{"many: on the last", many, 2*tableParts - 1, 2*tableParts - 1},
		{"many: above the last", many, 2 * tableParts, 2 * tableParts},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := newBucketTable(test.boundaries).bucket(test.sample); got != test.want {
				t.Errorf("bucket(%v) = %d, want %d", test.sample, got, test.want)
			}
		})
	}
}

// FuzzBucket compares the table with the standard library's search.
func FuzzBucket(f *testing.F) {
	f.Add(uint8(10), -0.5, 0.5, 1.0, 3.0)
	f.Add(uint8(33), 0.0, 1.0, 1.0, 16.0)
	f.Add(uint8(20), 1e-6, 1e-6, 2.0, 0.3)
	f.Fuzz(func(t *testing.T, n uint8, first, width, growth, sample float64) {
		if !finite(first) || !(sample >= 0) || !finite(sample) {
			t.Skip("no samples")
		}
		var boundaries []float64
		for b := first; len(boundaries) < int(n) && finite(b) && (len(boundaries) == 0 || b > boundaries[len(boundaries)-1]); b += width {
			boundaries = append(boundaries, b)
			width *= growth
		}
		want, _ := slices.BinarySearch(boundaries, sample)
		if got := newBucketTable(boundaries).bucket(sample); got != want {
			t.Errorf("bucket of %v in %v = %d, want %d", sample, boundaries, got, want)
		}
	})
}

// TestSamplesInFlight takes apart what a collection can see of a sample that is
// under way: its value is in the sum before its bucket is counted.
func TestSamplesInFlight(t *testing.T) {
	s := newHistogramSeries(1)
	c := s.cell
	ended := make([]interval, 0, 2)
	s.recordSample(0.5)
	// Another sample has got as far as this.
	c.sum.Store(math.Float64bits(math.Float64frombits(c.sum.Load()) + 4))
	c.greatest.Store(math.Float64bits(4))
	ended = append(ended, c.take())
	c.buckets[1].Add(1)
	ended = append(ended, c.take())
	want := []interval{{sum: 4.5, least: 0.5, greatest: 4}, emptyInterval()}
	if fmt.Sprint(ended) != fmt.Sprint(want) {
		t.Errorf("the intervals are %v, want %v", ended, want)
	}
}

func newHistogramSeries(boundaries ...float64) *series {
	return &series{metric: &recorderMetric{recorder: new(Recorder)}, cell: newHistogramCell(newBucketTable(boundaries))}
}

func TestASumDoesNotOverflow(t *testing.T) {
	s := newHistogramSeries()
	for _, test := range []struct {
		sample float64
		want   bool
	}{
		{math.MaxFloat64, true},
		{math.MaxFloat64, false},
		{1, true},
		{math.MaxFloat64 / 2, false},
	} {
		before := s.metric.recorder.Statistics().Refused
		s.recordSample(test.sample)
		if got := s.metric.recorder.Statistics().Refused == before; got != test.want {
			t.Errorf("a sample of %v is taken = %t, want %t", test.sample, got, test.want)
		}
	}
	if got := s.cell.buckets[0].Load(); got != 2 {
		t.Errorf("%d samples are counted, want the 2 that were taken", got)
	}
	all := interval{sum: math.MaxFloat64}
	all.fold(interval{sum: math.MaxFloat64})
	if all.sum != math.MaxFloat64 {
		t.Errorf("the sum of two intervals is %v, want the greatest float64", all.sum)
	}
}
