package prometheus

import (
	"slices"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A snapshot is what one collector shows at one time. Its memory can be used for
// another, when nobody looks at it any more.
type snapshot struct {
	families []familySnapshot // as those of the collector
}

// A familySnapshot is one family with its metrics, and the memory of what they
// consist of.
type familySnapshot struct {
	dto.MetricFamily

	desc       *promclient.Desc
	metrics    []dto.Metric
	values     []float64
	counters   []dto.Counter
	gauges     []dto.Gauge
	histograms []dto.Histogram
	counts     []uint64
	buckets    []dto.Bucket
	pointers   []*dto.Bucket
	bounds     []float64
}

func (s *snapshot) begin(families []*family) {
	if s.families == nil {
		s.families = make([]familySnapshot, len(families))
		for i, f := range families {
			to := &s.families[i]
			to.desc, to.Name, to.Help, to.Type = f.desc, &f.name, &f.help, &f.kind
		}
	}
	for i := range s.families {
		s.families[i].Metric = s.families[i].Metric[:0]
	}
}

// fill makes metrics of a metric's points.
func (s *familySnapshot) fill(f *family, data metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		fillNumbers(s, f, d.DataPoints)
	case metricdata.Sum[float64]:
		fillNumbers(s, f, d.DataPoints)
	case metricdata.Gauge[int64]:
		fillNumbers(s, f, d.DataPoints)
	case metricdata.Gauge[float64]:
		fillNumbers(s, f, d.DataPoints)
	case metricdata.Histogram[float64]:
		s.fillHistograms(f, d.DataPoints)
	case metricdata.ExponentialHistogram[float64]:
		s.fillNative(d.DataPoints)
	}
}

// grow returns n elements, in the memory of all if it suffices.
func grow[E any](all []E, n int) []E {
	if cap(all) < n {
		return make([]E, n, n+n/8)
	}
	return all[:n]
}

// each calls set for every metric with the position of its point, in the order of
// the labels.
func (s *familySnapshot) each(f *family, points int, attributes func(i int) (*attribute.Set, time.Time), set func(i int, m *dto.Metric, l *labeled)) {
	f.begin(points)
	for i := range points {
		a, start := attributes(i)
		f.at(i, a, start)
	}
	s.metrics = grow(s.metrics, points)
	s.Metric = slices.Grow(s.Metric, points)
	for _, i := range f.end(points) {
		m := &s.metrics[i]
		m.Label = f.series[i].labels
		set(i, m, f.series[i])
		s.Metric = append(s.Metric, m)
	}
}

func fillNumbers[N int64 | float64](s *familySnapshot, f *family, points []metricdata.DataPoint[N]) {
	n := len(points)
	s.values = grow(s.values, n)
	if f.kind == dto.MetricType_COUNTER {
		s.counters = grow(s.counters, n)
	} else {
		s.gauges = grow(s.gauges, n)
	}
	s.each(f, n, func(i int) (*attribute.Set, time.Time) { return &points[i].Attributes, points[i].StartTime },
		func(i int, m *dto.Metric, l *labeled) {
			s.values[i] = float64(points[i].Value)
			if f.kind == dto.MetricType_COUNTER {
				s.counters[i].Value, s.counters[i].CreatedTimestamp = &s.values[i], l.created
				s.counters[i].Exemplar = newest(points[i].Exemplars)
				m.Counter = &s.counters[i]
				return
			}
			s.gauges[i].Value = &s.values[i]
			m.Gauge = &s.gauges[i]
		})
}

func (s *familySnapshot) fillHistograms(f *family, points []metricdata.HistogramDataPoint[float64]) {
	n := len(points)
	s.values, s.histograms = grow(s.values, n), grow(s.histograms, n)
	s.bounds = append(s.bounds[:0], points[0].Bounds...)
	width := len(s.bounds)
	s.counts = grow(s.counts, n*(width+1)) // the buckets', and the sum of all
	s.buckets, s.pointers = grow(s.buckets, n*width), grow(s.pointers, n*width)
	s.each(f, n, func(i int) (*attribute.Set, time.Time) { return &points[i].Attributes, points[i].StartTime },
		func(i int, m *dto.Metric, l *labeled) {
			counts := s.counts[i*(width+1):][:width+1]
			pointers := s.pointers[i*width:][:width:width]
			var sum uint64
			for j := range width {
				sum += points[i].BucketCounts[j]
				counts[j] = sum
				bucket := &s.buckets[i*width+j]
				bucket.CumulativeCount, bucket.UpperBound, bucket.Exemplar = &counts[j], &s.bounds[j], nil
				pointers[j] = bucket
			}
			counts[width] = points[i].Count
			s.values[i] = points[i].Sum
			h := &s.histograms[i]
			if len(points[i].Exemplars) > 0 {
				pointers = withExemplars(pointers, &counts[width], points[i].Exemplars)
			}
			h.SampleCount, h.SampleSum, h.Bucket, h.CreatedTimestamp = &counts[width], &s.values[i], pointers, l.created
			m.Histogram = h
		})
}
