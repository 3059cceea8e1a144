package otelkv

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/x"
)

// The interfaces that the recorder looks for are those of OpenTelemetry's
// experimental API, method by method, in both directions.
var (
	_ binder[metric.Float64Histogram] = x.Float64HistogramBinder(nil)
	_ x.Float64HistogramBinder        = binder[metric.Float64Histogram](nil)
	_ binder[metric.Int64Counter]     = x.Int64CounterBinder(nil)
	_ binder[metric.Float64Counter]   = x.Float64CounterBinder(nil)
	_ finisher                        = x.Finisher(nil)
	_ x.Finisher                      = finisher(nil)
)

func TestBucket(t *testing.T) {
	// The first slice is searched one by one, the second by halving.
	few := []float64{-1, 0, 0.5, 8}
	many := make([]float64, linearSearchLimit+1)
	for i := range many {
		many[i] = float64(i)
	}
	for _, test := range []struct {
		name       string
		boundaries []float64
		sample     float64
		want       int
	}{
		{"below the first", few, -2, 0},
		{"on the first", few, -1, 0},
		{"above the first", few, math.Nextafter(-1, 0), 1},
		{"negative zero on zero", few, math.Copysign(0, -1), 1},
		{"on the last", few, 8, 3},
		{"above the last", few, math.Nextafter(8, 9), 4},
		{"the greatest", few, math.MaxFloat64, 4},
		{"no boundaries", nil, 1, 0},
		{"many: below the first", many, -1, 0},
		{"many: on the first", many, 0, 0},
		{"many: on one in the middle", many, 16, 16},
		{"many: above one in the middle", many, 16.5, 17},
		{"many: on the last", many, linearSearchLimit, linearSearchLimit},
		{"many: above the last", many, linearSearchLimit + 1, linearSearchLimit + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := bucket(test.boundaries, test.sample); got != test.want {
				t.Errorf("bucket(%v) = %d, want %d", test.sample, got, test.want)
			}
		})
	}
}

// FuzzBucket compares both searches with the standard library's.
func FuzzBucket(f *testing.F) {
	f.Add(uint8(10), 0.5, 3.0)
	f.Add(uint8(33), 1.0, 16.0)
	f.Fuzz(func(t *testing.T, n uint8, width, sample float64) {
		if !(width > 0) || !finite(width*256) || !finite(sample) {
			t.Skip("the boundaries are no ascending numbers")
		}
		boundaries := make([]float64, n)
		for i := range boundaries {
			boundaries[i] = float64(i) * width
		}
		want, _ := slices.BinarySearch(boundaries, sample)
		if got := bucket(boundaries, sample); got != want {
			t.Errorf("bucket of %v in %d boundaries of %v = %d, want %d", sample, n, width, got, want)
		}
	})
}

// TestSamplesInFlight takes apart what a collection can see of a sample that is
// under way: its value is in the sum before its bucket is counted.
func TestSamplesInFlight(t *testing.T) {
	c := newHistogramCell([]float64{1})
	ended := make([]interval, 0, 2)
	if !c.record(0.5) {
		t.Fatal("a sample was refused")
	}
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

func TestASumDoesNotOverflow(t *testing.T) {
	c := newHistogramCell(nil)
	for _, test := range []struct {
		sample float64
		want   bool
	}{
		{math.MaxFloat64, true},
		{math.MaxFloat64, false},
		{-math.MaxFloat64, true},
		{-math.MaxFloat64, true},
		{-math.MaxFloat64, false},
	} {
		if got := c.record(test.sample); got != test.want {
			t.Errorf("record(%v) = %t, want %t", test.sample, got, test.want)
		}
	}
	if got := c.buckets[0].Load(); got != 3 {
		t.Errorf("%d samples are counted, want the 3 that were taken", got)
	}
	all := interval{sum: math.MaxFloat64}
	all.fold(interval{sum: math.MaxFloat64})
	if all.sum != math.MaxFloat64 {
		t.Errorf("the sum of two intervals is %v, want the greatest float64", all.sum)
	}
}
