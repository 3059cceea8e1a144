// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"errors"
	"math"
	"sync/atomic"

	"go.opentelemetry.io/otel"
)

// A histogramCell is the state of a histogram series.
//
// A sample is two atomic operations: it is added to the interval's sum, and then counted
// in its bucket. The count of a point is the sum of its buckets. It is read before the sum,
// so the sum has every sample that is counted, and perhaps samples that are recorded
// while the series is read. A delta can therefore count a sample whose value was in the
// previous delta's sum. Each collection folds the interval's sum, least and greatest into
// the totals, and resets them, so a long life costs no precision.
//
// The fields that samples change have cache lines of their own. Goroutines that record at
// the same time then contend for few lines, and for none that they only read.
type histogramCell struct {
	table    *bucketTable // of the metric
	buckets  []atomic.Uint64
	sum      *atomic.Uint64 // float64 bits, since the last collection
	least    *atomic.Uint64 // float64 bits, since the last collection; +Inf if none
	greatest *atomic.Uint64 // float64 bits, since the last collection; -Inf if none

	exponential atomic.Pointer[exponentialCell] // nil unless a reader asked for it

	total interval // guarded by Recorder.collecting
}

// An interval is what a histogram has of its samples besides their buckets.
type interval struct {
	sum, least, greatest float64
}

// after returns the interval since the sum had the given value. Its least and greatest
// samples are not known.
func (i interval) after(sum float64) interval {
	after := emptyInterval()
	after.sum = i.sum - sum
	return after
}

func emptyInterval() interval {
	return interval{least: math.Inf(1), greatest: math.Inf(-1)}
}

// fold adds another interval. The sum stays finite, because an infinite one could never
// change again.
func (i *interval) fold(other interval) {
	i.sum = clamp(i.sum + other.sum)
	i.least = min(i.least, other.least)
	i.greatest = max(i.greatest, other.greatest)
}

// clamp returns the nearest finite number.
func clamp(sum float64) float64 { return max(-math.MaxFloat64, min(sum, math.MaxFloat64)) }

func newHistogramCell(table *bucketTable) *histogramCell {
	const line = 64 / 8 // words of a cache line; the allocator aligns whole lines
	n := 3 + len(table.limits)
	state := make([]atomic.Uint64, n, (n+line-1)/line*line)
	c := &histogramCell{
		table:    table,
		buckets:  state[3:],
		sum:      &state[0],
		least:    &state[1],
		greatest: &state[2],
		total:    emptyInterval(),
	}
	c.least.Store(math.Float64bits(math.Inf(1)))
	c.greatest.Store(math.Float64bits(math.Inf(-1)))
	return c
}

// addBuckets adds samples of which only the buckets and the sum are known. If the sum would
// make the total infinite, it adds nothing and reports false.
func (c *histogramCell) addBuckets(counts []uint64, sum float64) bool {
	if !addFloat64(c.sum, sum) {
		return false
	}
	for i, n := range counts {
		c.buckets[i].Add(n)
	}
	if e := c.exponential.Load(); e != nil && !e.unknown.Swap(true) {
		otel.Handle(errors.New("otelkv: a total of buckets was observed for a histogram that a reader wants in exponential buckets: " +
			"that reader gets no samples of it"))
	}
	return true
}

// take ends the interval since the last collection and returns it.
func (c *histogramCell) take() interval {
	return interval{
		sum:      math.Float64frombits(c.sum.Swap(0)),
		least:    math.Float64frombits(c.least.Swap(math.Float64bits(math.Inf(1)))),
		greatest: math.Float64frombits(c.greatest.Swap(math.Float64bits(math.Inf(-1)))),
	}
}

// recordSample adds a sample to the cell. It reports whether settleSample must be called.
// It does not call it itself, because a context argument would slow every call down. It
// refuses a sample that would make the sum infinite.
func (s *series) recordSample(sample float64) (unsettled bool) {
	if !(sample >= 0 && sample <= math.MaxFloat64) {
		s.metric.recorder.refuse()
		return false
	}
	c := s.cell
	if !addFloat64(c.sum, sample) {
		s.metric.recorder.refuse()
		return false
	}
	for {
		old := c.least.Load()
		if sample >= math.Float64frombits(old) || c.least.CompareAndSwap(old, math.Float64bits(sample)) {
			break
		}
	}
	for {
		old := c.greatest.Load()
		if sample <= math.Float64frombits(old) || c.greatest.CompareAndSwap(old, math.Float64bits(sample)) {
			break
		}
	}
	c.buckets[c.table.bucket(sample)].Add(1)
	return !s.state.settled()
}

// settleSample does what an added sample needs besides the cell.
func (s *series) settleSample(ctx context.Context, sample float64) {
	if s.state.has(withExponential) {
		s.cell.exponential.Load().record(sample)
	}
	if !s.settle() {
		return
	}
	for _, i := range s.inRegistrations() {
		if !i.finished.Load() {
			for _, record := range i.histograms {
				record(ctx, sample)
			}
		}
	}
}

// foldInterval ends the interval since the last collection by any producer. It folds the
// interval into the total, and into the interval of every producer of deltas.
func (s *series) foldInterval() {
	ended := s.cell.take()
	s.cell.total.fold(ended)
	if e := s.extras.Load(); e != nil {
		for i := range e.deltas {
			e.deltas[i].interval.fold(ended)
		}
	}
}
