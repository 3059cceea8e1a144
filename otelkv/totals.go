// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"slices"
	"sync"
)

// Totals that something else counts, such as a C library or another process. Each one is
// bound to one series. Code observes the total so far, usually in a callback of
// [Recorder.RegisterCallback], and what came since the last observation is added to the
// series. If a total is lower than the one before, its source restarted from zero. The
// new total then counts in full, so a series never goes down.
//
// If several totals are bound to one series, each stands for a source of its own. The
// methods are safe for concurrent use, return nothing and do not allocate. The zero value
// observes nothing. A gauge needs no total: [Int64Gauge.Record] sets it.
type (
	// Int64Total observes the total of a [schema.Int64Counter].
	Int64Total struct{ state *totalState[int64] }
	// Float64Total observes the total of a [schema.Float64Counter].
	Float64Total struct{ state *totalState[float64] }
	// HistogramTotal observes the buckets of a [schema.Histogram].
	HistogramTotal struct{ state *histogramState }
)

// totalState is a total as it was last observed.
type totalState[N int64 | float64] struct {
	mu   sync.Mutex
	last N
	add  func(N)
}

// Observe gives the current total. A negative total is refused and counted
// ([Recorder.Statistics]).
func (t Int64Total) Observe(total int64) {
	if t.state != nil {
		t.state.observe(total)
	}
}

// Observe gives the current total in the counter's unit. A negative, infinite or NaN
// total is refused and counted ([Recorder.Statistics]).
func (t Float64Total) Observe(total float64) {
	if t.state != nil {
		t.state.observe(total)
	}
}

func (s *totalState[N]) observe(total N) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if total < 0 || !finite(float64(total)) {
		s.add(total) // refuses and counts it
		return
	}
	increment := total - s.last
	if increment < 0 {
		increment = total
	}
	s.last = total
	s.add(increment)
}

// histogramState is the buckets of a source as they were last observed.
type histogramState struct {
	mu     sync.Mutex
	series *series
	into   []int // for each bucket of the source, the definition's bucket
	counts []uint64
	sum    float64
	since  []uint64 // for each bucket of the definition, reused
}

// rebucket returns for each bucket of the source the definition's bucket that includes it.
func rebucket(source, target []float64) ([]int, error) {
	for i, boundary := range source {
		switch {
		case !finite(boundary):
			return nil, fmt.Errorf("boundaries do not fit: %v is not finite: expected the boundaries without the last bucket's", boundary)
		case i > 0 && boundary <= source[i-1]:
			return nil, fmt.Errorf("boundaries do not fit: %v do not ascend", source)
		}
	}
	for _, boundary := range target {
		if _, ok := slices.BinarySearch(source, boundary); !ok {
			return nil, fmt.Errorf("boundaries do not fit: expected %v among %v", boundary, source)
		}
	}
	return bucketsAmong(source, target), nil
}

// Observe gives the current counts of the source's buckets, and the sum of its samples.
// There is one count more than there are boundaries, and each count leaves out the
// buckets below it. The counts are copied. If their number is wrong, or the sum is
// infinite or NaN, they are refused and counted ([Recorder.Statistics]).
//
// The least and the greatest sample are not known. Points have none, unless samples were
// recorded too.
func (t HistogramTotal) Observe(counts []uint64, sum float64) {
	if t.state != nil {
		t.state.observe(counts, sum)
	}
}

func (s *histogramState) observe(counts []uint64, sum float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(counts) != len(s.counts) || !finite(sum) {
		s.series.metric.recorder.refuse()
		return
	}
	for i, n := range counts {
		if n < s.counts[i] {
			// The source restarted.
			clear(s.counts)
			s.sum = 0
			break
		}
	}
	clear(s.since)
	for i, n := range counts {
		s.since[s.into[i]] += n - s.counts[i]
	}
	if !s.series.cell.addBuckets(s.since, sum-s.sum) {
		s.series.metric.recorder.refuse()
		return
	}
	copy(s.counts, counts)
	s.sum = sum
	s.series.show()
}
