// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A snapshot is what one collector shows at one time. A later scrape can reuse its memory.
type snapshot struct {
	families []familySnapshot // in the order of the collector's
}

// A familySnapshot is one family with its metrics. The messages of the metrics are linked
// once, and point to the values. A scrape only changes values.
type familySnapshot struct {
	dto.MetricFamily

	family     *family
	metrics    []dto.Metric
	values     []float64
	counters   []dto.Counter
	gauges     []dto.Gauge
	histograms []dto.Histogram
	counts     []uint64 // of the buckets of each histogram, then of all its samples
	buckets    []dto.Bucket
	pointers   []*dto.Bucket
	bounds     []float64
	exemplars  bool // whether buckets have some
}

func (s *snapshot) begin(families []*family) {
	if s.families == nil {
		s.families = make([]familySnapshot, len(families))
		for i, f := range families {
			to := &s.families[i]
			to.family, to.Name, to.Help, to.Type = f, &f.name, &f.help, &f.kind
		}
	}
	for i := range s.families {
		s.families[i].Metric = s.families[i].Metric[:0]
	}
}

// fill appends the metrics of some points.
func (s *familySnapshot) fill(data metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		fillNumbers(s, d.DataPoints)
	case metricdata.Sum[float64]:
		fillNumbers(s, d.DataPoints)
	case metricdata.Gauge[int64]:
		fillNumbers(s, d.DataPoints)
	case metricdata.Gauge[float64]:
		fillNumbers(s, d.DataPoints)
	case metricdata.Histogram[float64]:
		s.fillHistograms(d.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		if len(s.Metric) == 0 {
			s.fillExponential(d.DataPoints)
		}
		s.fillNative(d.DataPoints)
	}
}

// each appends a metric for each of n points, sorted by the labels. It calls set with the
// position of the point.
func (s *familySnapshot) each(n int, point func(i int) (*attribute.Set, time.Time), set func(i int, l *labeled)) {
	s.Metric = slices.Grow(s.Metric, n)
	for _, i := range s.family.arrange(n, point) {
		m, l := &s.metrics[i], s.family.series[i]
		m.Label = l.labels
		set(i, l)
		s.Metric = append(s.Metric, m)
	}
}

// makeNumbers makes room for n counters or gauges.
func (s *familySnapshot) makeNumbers(counters bool, n int) {
	if len(s.metrics) >= n {
		return
	}
	n += n / 8
	s.metrics, s.values = make([]dto.Metric, n), make([]float64, n)
	if counters {
		s.counters = make([]dto.Counter, n)
	} else {
		s.gauges = make([]dto.Gauge, n)
	}
	for i := range s.counters {
		s.counters[i].Value = &s.values[i]
		s.metrics[i].Counter = &s.counters[i]
	}
	for i := range s.gauges {
		s.gauges[i].Value = &s.values[i]
		s.metrics[i].Gauge = &s.gauges[i]
	}
}

func fillNumbers[N int64 | float64](s *familySnapshot, points []metricdata.DataPoint[N]) {
	counters := s.family.kind == dto.MetricType_COUNTER
	s.makeNumbers(counters, len(points))
	s.each(len(points), func(i int) (*attribute.Set, time.Time) { return &points[i].Attributes, points[i].StartTime },
		func(i int, l *labeled) {
			s.values[i] = float64(points[i].Value)
			if counters {
				s.counters[i].CreatedTimestamp, s.counters[i].Exemplar = l.created, newest(points[i].Exemplars)
			}
		})
}

// makeHistograms makes room for n histograms with the bounds.
func (s *familySnapshot) makeHistograms(bounds []float64, n int) {
	if len(s.metrics) >= n && slices.Equal(s.bounds, bounds) {
		return
	}
	n += n / 8
	width := len(bounds)
	s.bounds = slices.Clone(bounds)
	s.metrics, s.values, s.histograms = make([]dto.Metric, n), make([]float64, n), make([]dto.Histogram, n)
	s.counts, s.buckets, s.pointers = make([]uint64, n*(width+1)), make([]dto.Bucket, n*width), make([]*dto.Bucket, n*width)
	for i := range n {
		counts := s.counts[i*(width+1):]
		for j := range width {
			b := &s.buckets[i*width+j]
			b.CumulativeCount, b.UpperBound = &counts[j], &s.bounds[j]
			s.pointers[i*width+j] = b
		}
		s.histograms[i].SampleCount, s.histograms[i].SampleSum = &counts[width], &s.values[i]
		s.metrics[i].Histogram = &s.histograms[i]
	}
}

func (s *familySnapshot) fillHistograms(points []metricdata.HistogramDataPoint[float64]) {
	s.makeHistograms(points[0].Bounds, len(points))
	width, exemplars := len(s.bounds), false
	s.each(len(points), func(i int) (*attribute.Set, time.Time) { return &points[i].Attributes, points[i].StartTime },
		func(i int, l *labeled) {
			h := &s.histograms[i]
			if s.exemplars {
				for j := range width {
					s.buckets[i*width+j].Exemplar = nil
				}
			}
			h.Bucket, h.CreatedTimestamp = s.pointers[i*width:][:width:width], l.created
			counts := s.counts[i*(width+1):][:width+1]
			var sum uint64
			for j, n := range points[i].BucketCounts[:width] {
				sum += n
				counts[j] = sum
			}
			counts[width] = points[i].Count
			s.values[i] = points[i].Sum
			if len(points[i].Exemplars) > 0 {
				exemplars = true
				h.Bucket = withExemplars(h.Bucket, h.SampleCount, points[i].Exemplars)
			}
		})
	s.exemplars = exemplars
}

// fillExponential makes histograms without explicit buckets, for points that a view or
// otelkv.WithSelectors gave exponential ones instead.
func (s *familySnapshot) fillExponential(points []metricdata.ExponentialHistogramDataPoint[float64]) {
	s.makeHistograms(nil, len(points))
	s.each(len(points), func(i int) (*attribute.Set, time.Time) { return &points[i].Attributes, points[i].StartTime },
		func(i int, l *labeled) {
			s.histograms[i].CreatedTimestamp = l.created
			s.counts[i], s.values[i] = points[i].Count, points[i].Sum
		})
}
