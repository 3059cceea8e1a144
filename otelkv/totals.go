// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"slices"
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// Totals that are kept elsewhere: by a C library, or by another process. Each is
// bound to one series and observed, usually in a callback of
// [Recorder.RegisterCallback], with the total so far; what came since the last
// observation is added to the series. A total that is lower than the one before
// means that its source began again from zero, and counts in full, so that a
// series never goes down.
//
// Of several totals that are bound to one series, each stands for a source of
// its own. Their methods are safe for concurrent use, return nothing and do not
// allocate. The zero value observes nothing. Gauges need none of this:
// [Int64Gauge.Record] is what sets them.
type (
	// Int64Total observes the total of a [schema.Int64Counter].
	Int64Total struct{ state *totalState[int64] }
	// Float64Total observes the total of a [schema.Float64Counter].
	Float64Total struct{ state *totalState[float64] }
	// HistogramTotal observes the buckets of a [schema.Histogram].
	HistogramTotal struct{ state *histogramState }
)

// totalState is what a total was when it was last observed.
type totalState[N int64 | float64] struct {
	mu   sync.Mutex
	last N
	add  func(N)
}

// Int64Total binds the total of a counter, as [Engine.Int64Counter] binds the
// counter.
func (e *Engine) Int64Total(m schema.Int64Counter, labelValues ...string) (Int64Total, error) {
	c, err := e.Int64Counter(m, labelValues...)
	if err != nil {
		return Int64Total{}, err
	}
	return Int64Total{&totalState[int64]{add: c.Add}}, nil
}

// Float64Total binds the total of a counter, as [Engine.Float64Counter] binds the
// counter.
func (e *Engine) Float64Total(m schema.Float64Counter, labelValues ...string) (Float64Total, error) {
	c, err := e.Float64Counter(m, labelValues...)
	if err != nil {
		return Float64Total{}, err
	}
	return Float64Total{&totalState[float64]{add: c.Add}}, nil
}

// Observe says what the total is now. A negative total is refused and counted
// ([Recorder.Statistics]).
func (t Int64Total) Observe(total int64) {
	if t.state != nil {
		t.state.observe(total)
	}
}

// Observe says what the total is now, in the counter's unit. A negative, infinite
// or NaN total is refused and counted ([Recorder.Statistics]).
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

// histogramState is what the buckets of a source were when they were last
// observed.
type histogramState struct {
	mu     sync.Mutex
	series *series
	into   []int // by the source's bucket, the definition's
	counts []uint64
	sum    float64
	since  []uint64 // by the definition's bucket, reused
}

// HistogramTotal binds the buckets of a histogram, as [Engine.Histogram] binds
// the histogram. The boundaries are the source's upper bounds, finite and
// ascending. It may have more of them than the definition, whose boundaries
// must be among them; buckets in between add up.
//
// Where boundaries do not fit, the error wraps [ErrBoundaries]. Instruments
// ([Recorder.RegisterInstruments]) take samples, not buckets, and are not told.
func (e *Engine) HistogramTotal(m schema.Histogram, boundaries []float64, labelValues ...string) (HistogramTotal, error) {
	h, err := e.Histogram(m, labelValues...)
	if err != nil {
		return HistogramTotal{}, err
	}
	into, err := rebucket(boundaries, h.series.metric.definition.Boundaries)
	if err != nil {
		return HistogramTotal{}, &stats.EntryError{Metric: m.PrometheusName, LabelValues: slices.Clone(labelValues), Err: err}
	}
	return HistogramTotal{&histogramState{
		series: h.series,
		into:   into,
		counts: make([]uint64, len(boundaries)+1),
		since:  make([]uint64, len(h.series.metric.definition.Boundaries)+1),
	}}, nil
}

// rebucket returns for each bucket of the source the one that it belongs to.
func rebucket(source, target []float64) ([]int, error) {
	for i, boundary := range source {
		switch {
		case !finite(boundary):
			return nil, fmt.Errorf("%w: %v is not finite: expected the boundaries without the last bucket's", ErrBoundaries, boundary)
		case i > 0 && boundary <= source[i-1]:
			return nil, fmt.Errorf("%w: %v do not ascend", ErrBoundaries, source)
		}
	}
	for _, boundary := range target {
		if _, ok := slices.BinarySearch(source, boundary); !ok {
			return nil, fmt.Errorf("%w: expected %v among %v", ErrBoundaries, boundary, source)
		}
	}
	into := make([]int, len(source)+1)
	for i, boundary := range source {
		into[i], _ = slices.BinarySearch(target, boundary)
	}
	into[len(source)] = len(target)
	return into, nil
}

// Observe says what the source's buckets hold now, one count more than it has
// boundaries, each without those below it, and what its samples add up to. The
// counts are copied. Another number of counts, and a sum that is infinite or NaN,
// are refused and counted ([Recorder.Statistics]).
//
// The least and the greatest sample are not known, so that points have none
// where nothing was recorded otherwise.
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
			// The source began again.
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
