// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A stream is one metric as a producer gives it, with the points of the collection in
// progress.
type stream struct {
	name, description, unit string
	renamed                 bool                   // by a view
	temporality             metricdata.Temporality // of a sum or histogram
	sum, monotonic          bool
	boundaries              []float64
	bounds                  []float64 // a copy of the boundaries, for the points
	bucketOf                []int     // for each of the definition's buckets, if a view removed boundaries
	noMinMax                bool
	exponential             *sdkmetric.AggregationBase2ExponentialHistogram // nil for explicit buckets
	native                  bool                                            // in addition to the explicit buckets
	filter                  attribute.Filter                                // of a view, or nil
	filtered                map[attribute.Distinct]subset                   // of the attributes of series
	merged                  map[attribute.Distinct]int                      // positions of the points, if there is a filter
	since                   time.Time                                       // exemplars must be newer

	ints       []metricdata.DataPoint[int64]
	floats     []metricdata.DataPoint[float64]
	histograms []metricdata.HistogramDataPoint[float64]
	added      []exponentialCounts // of the histograms with the same positions, which become exponential at the end

	counts    []uint64 // room for the buckets of further points
	allCounts []uint64 // all of that room
}

// A subset is what a filter makes of attributes.
type subset struct {
	kept    attribute.Set
	dropped []attribute.KeyValue
}

// delta reports whether the stream reports what came since the last collection.
func (s *stream) delta() bool { return s.sum && s.temporality == metricdata.DeltaTemporality }

// begin makes room for as many points as there were last time. It reuses their memory if
// it may.
func (s *stream) begin(reuse bool, last time.Time) {
	clear(s.merged)
	clear(s.added)
	s.added = s.added[:0]
	if s.delta() {
		s.since = last
	}
	if !reuse || s.bounds == nil {
		s.bounds = slices.Clone(s.boundaries)
	}
	if reuse {
		s.ints, s.floats, s.histograms, s.counts = s.ints[:0], s.floats[:0], s.histograms[:0], s.allCounts
		return
	}
	s.ints, s.floats = fresh(s.ints), fresh(s.floats)
	s.counts = make([]uint64, len(s.histograms)*(len(s.boundaries)+1))
	s.histograms, s.allCounts = fresh(s.histograms), s.counts
}

func fresh[P any](points []P) []P {
	if len(points) == 0 {
		return nil
	}
	return make([]P, 0, len(points))
}

// size returns the number of points.
func (s *stream) size() int {
	return len(s.ints) + len(s.floats) + len(s.histograms)
}

func (s *stream) isExponential() bool { return s.exponential != nil }

// buckets returns room for the buckets of one point.
func (s *stream) buckets() []uint64 {
	n := len(s.boundaries) + 1
	if len(s.counts) < n {
		s.counts = make([]uint64, n*max(4, 2*len(s.histograms)))
		s.allCounts = s.counts
	}
	room := s.counts[:n:n]
	s.counts = s.counts[n:]
	clear(room)
	return room
}

// place returns the attributes of the point of a series. If there is such a point already,
// it also returns its position, and else -1. The argument is the position of a new point.
func (s *stream) place(attributes *attribute.Set, next int) (subset, int) {
	if s.filter == nil {
		return subset{kept: *attributes}, -1
	}
	of, known := s.filtered[attributes.Equivalent()]
	if !known {
		if s.filtered == nil || len(s.filtered) > 4*defaultTotalLimit {
			s.filtered = make(map[attribute.Distinct]subset)
		}
		of.kept, of.dropped = attributes.Filter(s.filter)
		s.filtered[attributes.Equivalent()] = of
	}
	if position, there := s.merged[of.kept.Equivalent()]; there {
		return of, position
	}
	if s.merged == nil {
		s.merged = make(map[attribute.Distinct]int)
	}
	s.merged[of.kept.Equivalent()] = next
	return of, -1
}

func (s *stream) addInt64(from *series, attributes *attribute.Set, value int64) {
	s.ints = addNumber(s, s.ints, from, attributes, value, func(a, b int64) int64 {
		if b > 0 && a > math.MaxInt64-b {
			return math.MaxInt64
		}
		return a + b
	})
}

func (s *stream) addFloat64(from *series, attributes *attribute.Set, value float64) {
	s.floats = addNumber(s, s.floats, from, attributes, value, func(a, b float64) float64 { return clamp(a + b) })
}

// addNumber adds a point. If a filter makes one point of several series, it has their
// sum, or the last value of those that are no sums.
func addNumber[N int64 | float64](s *stream, points []metricdata.DataPoint[N], from *series, attributes *attribute.Set, value N, sum func(a, b N) N) []metricdata.DataPoint[N] {
	start := time.Unix(0, from.start)
	if s.filter == nil && from.extras.Load() == nil {
		return append(points, metricdata.DataPoint[N]{Attributes: *attributes, StartTime: start, Value: value})
	}
	of, position := s.place(attributes, len(points))
	if position < 0 {
		position = len(points)
		points = append(points, metricdata.DataPoint[N]{Attributes: of.kept, StartTime: start})
	}
	p := &points[position]
	p.StartTime = earlier(p.StartTime, start)
	if s.sum {
		value = sum(p.Value, value)
	}
	p.Value = value
	p.Exemplars = appendExemplars(p.Exemplars, from, s.since, of.dropped)
	return points
}

// addSamples adds a point of a histogram. An exponential one has no samples of a series
// that got totals of other buckets.
func (s *stream) addSamples(from *series, attributes *attribute.Set, start int64, counts []uint64, all interval, exponential exponentialCounts) {
	started := time.Unix(0, start)
	of, position := s.place(attributes, len(s.histograms))
	if position < 0 {
		position = len(s.histograms)
		s.histograms = append(s.histograms, metricdata.HistogramDataPoint[float64]{
			Attributes: of.kept, StartTime: started, Bounds: s.bounds, BucketCounts: s.buckets(),
		})
		if s.exponential != nil {
			s.added = append(s.added, exponentialCounts{})
		}
	}
	p := &s.histograms[position]
	p.StartTime = earlier(p.StartTime, started)
	p.Exemplars = appendExemplars(p.Exemplars, from, s.since, of.dropped)
	if s.exponential != nil {
		if exponential.unknown {
			return
		}
		s.added[position].add(exponential)
	}
	p.Sum = clamp(p.Sum + all.sum)
	count := p.Count
	for i, n := range counts {
		count += n
		if s.bucketOf != nil {
			i = s.bucketOf[i]
		}
		p.BucketCounts[i] += n
	}
	if count > p.Count && !s.noMinMax {
		extend(&p.Min, &p.Max, all)
	}
	p.Count = count
}

// extend widens extrema to those of an interval, if it has samples.
func extend(least, greatest *metricdata.Extrema[float64], all interval) {
	if all.least > all.greatest {
		return
	}
	if before, known := least.Value(); !known || all.least < before {
		*least = metricdata.NewExtrema(all.least)
	}
	if before, known := greatest.Value(); !known || all.greatest > before {
		*greatest = metricdata.NewExtrema(all.greatest)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// end gives every point its time, and returns the metric. Deltas start at the producer's
// last collection. At the first collection, all of them start with the first series.
func (s *stream) end(last, now time.Time) metricdata.Metrics {
	m := metricdata.Metrics{Name: s.name, Description: s.description, Unit: s.unit}
	delta := s.delta()
	switch {
	case len(s.histograms) > 0:
		end(s.histograms, delta, last, now, func(p *metricdata.HistogramDataPoint[float64]) (start, at *time.Time) {
			return &p.StartTime, &p.Time
		})
		if s.exponential == nil {
			m.Data = metricdata.Histogram[float64]{DataPoints: s.histograms, Temporality: s.temporality}
			break
		}
		points := make([]metricdata.ExponentialHistogramDataPoint[float64], len(s.histograms))
		for i, p := range s.histograms {
			points[i] = metricdata.ExponentialHistogramDataPoint[float64]{
				Attributes: p.Attributes, StartTime: p.StartTime, Time: p.Time, Sum: p.Sum, Min: p.Min, Max: p.Max, Exemplars: p.Exemplars,
			}
			s.added[i].fill(&points[i], s.exponential)
		}
		m.Data = metricdata.ExponentialHistogram[float64]{DataPoints: points, Temporality: s.temporality}
	case len(s.ints) > 0:
		m.Data = number(s, s.ints, delta, last, now)
	default:
		m.Data = number(s, s.floats, delta, last, now)
	}
	return m
}

func number[N int64 | float64](s *stream, points []metricdata.DataPoint[N], delta bool, last, now time.Time) metricdata.Aggregation {
	end(points, delta, last, now, func(p *metricdata.DataPoint[N]) (start, at *time.Time) { return &p.StartTime, &p.Time })
	if !s.sum {
		return metricdata.Gauge[N]{DataPoints: points}
	}
	return metricdata.Sum[N]{DataPoints: points, Temporality: s.temporality, IsMonotonic: s.monotonic}
}

func end[P any](points []P, delta bool, last, now time.Time, times func(*P) (start, at *time.Time)) {
	if delta && last.IsZero() {
		last = now
		for i := range points {
			if start, _ := times(&points[i]); start.Before(last) {
				last = *start
			}
		}
	}
	for i := range points {
		start, at := times(&points[i])
		*at = now
		if delta {
			*start = last
		}
	}
}
