// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// WithViews makes a producer apply views, as a meter provider does with those of
// sdkmetric.WithView (OTel specification, "Metrics SDK", "View"): each view that matches a
// metric gives one stream of it, and a metric without a matching view does not change. To
// a view, counters are observable counters, additive gauges are observable up-down
// counters, and other gauges are observable gauges. Each view is called once for each
// metric, when the producer is created.
//
// A view can rename a metric, change its description, drop it, filter its attributes,
// remove boundaries of a histogram, or give it exponential buckets. If a filter leaves two
// series with the same attributes, they are added up; of gauges, the last one is reported.
// Such a total goes down when one of its series is removed. The default aggregation of a
// histogram has the boundaries of its definition.
//
// The recorder's series cannot have boundaries that the definition does not have, any
// other aggregation, reservoirs of exemplars, or two streams with one name. An error names
// the view and the metric.
func WithViews(views ...sdkmetric.View) ExportOption {
	return func(c *exportConfig) { c.views = append(c.views, views...) }
}

// newStreams returns the streams of a metric: one for each view that matches, or one if
// none does.
func newStreams(m *recorderMetric, c exportConfig) ([]*stream, error) {
	d := &m.definition
	instrument := sdkmetric.Instrument{
		Name: d.Name, Description: d.Description, Unit: d.Unit, Kind: m.instrument, Scope: m.recorder.scope(),
	}
	var streams []*stream
	var errs []error
	add := func(changed sdkmetric.Stream, context string) {
		s := newStream(m, c)
		keep, err := s.change(m, changed, c)
		if err != nil {
			errs = append(errs, fmt.Errorf("otelkv: %s: %w", context, err))
		}
		if !keep || err != nil {
			return
		}
		streams = append(streams, s)
		if c.nativeHistograms && m.instrument == sdkmetric.InstrumentKindHistogram && s.exponential == nil {
			native := *s
			// The scale is the default of Prometheus's client libraries, the size that of the SDK.
			native.exponential = &sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: exponentialScale}
			native.native = true
			streams = append(streams, &native)
		}
	}
	matched := false
	for i, view := range c.views {
		if changed, matches := view(instrument); matches {
			matched = true
			add(changed, fmt.Sprintf("view %d of %d: metric %q", i+1, len(c.views), d.Name))
		}
	}
	if !matched {
		unchanged := sdkmetric.Stream{Name: d.Name, Description: d.Description, Unit: d.Unit}
		add(unchanged, fmt.Sprintf("metric %q: the reader's aggregation", d.Name))
	}
	return streams, errors.Join(errs...)
}

func newStream(m *recorderMetric, c exportConfig) *stream {
	d := &m.definition
	s := &stream{
		name: d.Name, description: d.Description, unit: d.Unit, boundaries: d.Boundaries,
		sum:       m.instrument != sdkmetric.InstrumentKindObservableGauge,
		monotonic: m.instrument == sdkmetric.InstrumentKindObservableCounter,
	}
	if s.sum {
		s.temporality = c.temporality(m.instrument)
	}
	if c.prometheusNames {
		// A receiver would turn the unit into a suffix of the name.
		s.name, s.unit = sentName(d), ""
	}
	return s
}

// change applies a view to the stream. It reports false if the view drops it.
func (s *stream) change(m *recorderMetric, view sdkmetric.Stream, c exportConfig) (bool, error) {
	d := &m.definition
	if view.Name != "" && view.Name != d.Name {
		s.name, s.renamed = view.Name, true
	}
	s.description, s.filter = view.Description, view.AttributeFilter
	if view.Unit != d.Unit {
		s.unit = view.Unit
	}
	if view.ExemplarReservoirProviderSelector != nil {
		return false, errors.New("it has a reservoir of exemplars: the recorder's series have theirs already")
	}
	return s.aggregate(m, view.Aggregation, c)
}

// aggregate sets the aggregation of the stream: a view's, or else the reader's. The
// boundaries of the definition replace those of the reader. It reports false if the
// aggregation drops the stream.
func (s *stream) aggregate(m *recorderMetric, aggregation sdkmetric.Aggregation, c exportConfig) (bool, error) {
	histogram := m.instrument == sdkmetric.InstrumentKindHistogram
	if aggregation == nil && c.aggregation != nil {
		aggregation = c.aggregation(m.instrument)
		if _, explicit := aggregation.(sdkmetric.AggregationExplicitBucketHistogram); explicit {
			aggregation = nil
		}
	}
	switch a := aggregation.(type) {
	case nil, sdkmetric.AggregationDefault:
		return true, nil
	case sdkmetric.AggregationDrop:
		return false, nil
	case sdkmetric.AggregationSum:
		if s.sum && !histogram {
			return true, nil
		}
	case sdkmetric.AggregationLastValue:
		if !s.sum {
			return true, nil
		}
	case sdkmetric.AggregationExplicitBucketHistogram:
		if histogram {
			s.noMinMax = a.NoMinMax
			return true, s.coarsen(m.definition.Boundaries, a.Boundaries)
		}
	case sdkmetric.AggregationBase2ExponentialHistogram:
		if histogram {
			s.exponential, s.noMinMax = &a, a.NoMinMax
			if a.MaxSize < 1 || a.MaxScale > 20 || a.MaxScale < minExponentialScale {
				return false, fmt.Errorf("exponential buckets of size %d and scale %d: expected a size of 1 or more, and a scale of -10 to 20", a.MaxSize, a.MaxScale)
			}
			return true, nil
		}
	}
	return false, fmt.Errorf("a %s cannot have the aggregation %T", m.definition.Kind(), aggregation)
}

// coarsen keeps only some of the boundaries.
func (s *stream) coarsen(all, some []float64) error {
	for _, boundary := range some {
		if !slices.Contains(all, boundary) {
			return fmt.Errorf("it has no boundary %v: expected some of %v", boundary, all)
		}
	}
	if !slices.IsSorted(some) {
		return fmt.Errorf("the boundaries %v are not in order", some)
	}
	if slices.Equal(all, some) {
		return nil
	}
	s.boundaries = slices.Clone(some)
	s.bucketOf = bucketsAmong(all, some)
	return nil
}

// checkStreams reports each name that two streams have.
func checkStreams(streams [][]*stream) error {
	var errs []error
	taken := make(map[string]bool)
	for _, of := range streams {
		for _, s := range of {
			if name := strings.ToLower(s.name); taken[name] && !s.native {
				errs = append(errs, fmt.Errorf("otelkv: metric %q: views make two streams of the name", s.name))
			} else {
				taken[name] = true
			}
		}
	}
	return errors.Join(errs...)
}
