package otelkv

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/schema"
)

// A stream is one metric as a producer gives it, with the points of the collection
// under way.
type stream struct {
	definition  *schema.Definition
	name, unit  string
	temporality metricdata.Temporality // of a sum or histogram
	sum         bool
	boundaries  []float64

	ints       []metricdata.DataPoint[int64]
	floats     []metricdata.DataPoint[float64]
	histograms []metricdata.HistogramDataPoint[float64]
	counts     []uint64 // what is left for the buckets of further points
	allCounts  []uint64 // where counts began
}

// delta reports whether the stream tells what came since the last collection.
func (s *stream) delta() bool { return s.sum && s.temporality == metricdata.DeltaTemporality }

// begin makes room for as many points as there were last time: in their memory, if
// it may be used again.
func (s *stream) begin(reuse bool) {
	if reuse {
		s.ints, s.floats, s.histograms, s.counts = s.ints[:0], s.floats[:0], s.histograms[:0], s.allCounts
		return
	}
	s.ints, s.floats = fresh(s.ints), fresh(s.floats)
	s.counts = make([]uint64, len(s.histograms)*(len(s.boundaries)+1))
	s.histograms, s.allCounts = fresh(s.histograms), s.counts
	s.boundaries = slices.Clone(s.boundaries)
}

func fresh[P any](points []P) []P {
	if len(points) == 0 {
		return nil
	}
	return make([]P, 0, len(points))
}

// size returns the number of points.
func (s *stream) size() int { return len(s.ints) + len(s.floats) + len(s.histograms) }

// buckets returns room for the buckets of one point.
func (s *stream) buckets() []uint64 {
	n := len(s.boundaries) + 1
	if len(s.counts) < n {
		s.counts = make([]uint64, n*max(4, 2*len(s.histograms)))
		s.allCounts = s.counts
	}
	room := s.counts[:n:n]
	s.counts = s.counts[n:]
	return room
}

func (s *stream) addInt64(attributes attribute.Set, value, start int64) {
	s.ints = append(s.ints, metricdata.DataPoint[int64]{Attributes: attributes, StartTime: time.Unix(0, start), Value: value})
}

func (s *stream) addFloat64(attributes attribute.Set, value float64, start int64) {
	s.floats = append(s.floats, metricdata.DataPoint[float64]{Attributes: attributes, StartTime: time.Unix(0, start), Value: value})
}

func (s *stream) addHistogram(attributes attribute.Set, counts []uint64, all interval, start int64) {
	point := metricdata.HistogramDataPoint[float64]{
		Attributes:   attributes,
		StartTime:    time.Unix(0, start),
		Bounds:       s.boundaries,
		BucketCounts: s.buckets(),
		Sum:          all.sum,
	}
	copy(point.BucketCounts, counts)
	for _, n := range counts {
		point.Count += n
	}
	if point.Count > 0 && all.least <= all.greatest {
		point.Min, point.Max = metricdata.NewExtrema(all.least), metricdata.NewExtrema(all.greatest)
	}
	s.histograms = append(s.histograms, point)
}

// end gives every point its time, and returns the metric. Deltas began at the
// producer's last collection, and where there is none, all of them when the first
// series did.
func (s *stream) end(last, now time.Time) metricdata.Metrics {
	m := metricdata.Metrics{Name: s.name, Description: s.definition.Description, Unit: s.unit}
	delta := s.delta()
	switch {
	case len(s.histograms) > 0:
		end(s.histograms, delta, last, now, func(p *metricdata.HistogramDataPoint[float64]) (start, at *time.Time) {
			return &p.StartTime, &p.Time
		})
		m.Data = metricdata.Histogram[float64]{DataPoints: s.histograms, Temporality: s.temporality}
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
	return metricdata.Sum[N]{
		DataPoints:  points,
		Temporality: s.temporality,
		IsMonotonic: s.definition.Kind() == schema.KindCounter,
	}
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
