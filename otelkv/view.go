// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/schema"
)

// WithViews makes a producer apply views, as a meter provider does with those of
// sdkmetric.WithView (OTel specification, "Metrics SDK", "View"): every view that
// matches a metric gives one stream of it, and a metric that none matches stays as it
// is. Counters are observable counters to a view, additive gauges observable up-down
// counters, other gauges observable gauges. Each view is asked once for each metric,
// when the producer is made.
//
// A view can rename a metric, change its description, drop it, filter its attributes,
// remove boundaries of a histogram, or give it exponential buckets. Where a filter leaves
// two series with the same attributes, they are added up; of gauges the last one recorded
// is reported. Such a total falls when one of its series is removed. The default
// aggregation of a histogram has the boundaries of its definition.
//
// What the recorder's series cannot do is an error that names the view and the metric:
// boundaries that the definition does not have, any other aggregation, reservoirs of
// exemplars, and two streams with one name.
func WithViews(views ...sdkmetric.View) ExportOption {
	return exportOptionFunc(func(c *exportConfig) { c.views = append(c.views, views...) })
}

// instrumentKind returns what a metric is to views and to temporality selectors. The
// recorder's counters and additive gauges are observable instruments where it
// registers instruments, and a reader sees the same points either way.
func instrumentKind(d *schema.Definition) sdkmetric.InstrumentKind {
	switch {
	case d.Kind() == schema.KindHistogram:
		return sdkmetric.InstrumentKindHistogram
	case d.Kind() == schema.KindCounter:
		return sdkmetric.InstrumentKindObservableCounter
	case d.Additive:
		return sdkmetric.InstrumentKindObservableUpDownCounter
	}
	return sdkmetric.InstrumentKindObservableGauge
}

// newStreams returns the streams of a metric: one, or as many as views match.
func newStreams(m *recorderMetric, c exportConfig) ([]*stream, error) {
	d := &m.definition
	kind := instrumentKind(d)
	instrument := sdkmetric.Instrument{
		Name: d.Name, Description: d.Description, Unit: d.Unit, Kind: kind, Scope: m.recorder.scope(),
	}
	var streams []*stream
	var errs []error
	matched := false
	for i, view := range c.views {
		changed, matches := view(instrument)
		if !matches {
			continue
		}
		matched = true
		s := newStream(d, c)
		keep, err := s.change(d, changed, c)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("otelkv: view %d of %d: metric %q: %w", i+1, len(c.views), d.Name, err))
		case keep:
			streams = append(streams, s)
		}
	}
	if !matched {
		s := newStream(d, c)
		keep, err := s.aggregate(d, nil, c)
		if err != nil {
			errs = append(errs, fmt.Errorf("otelkv: metric %q: the reader's aggregation: %w", d.Name, err))
		} else if keep {
			streams = append(streams, s)
		}
	}
	if c.nativeHistograms {
		for _, s := range streams {
			if kind == sdkmetric.InstrumentKindHistogram && s.exponential == nil {
				beside := *s
				beside.exponential, beside.native = nativeHistogram(), true
				streams = append(streams, &beside)
			}
		}
	}
	return streams, errors.Join(errs...)
}

func newStream(d *schema.Definition, c exportConfig) *stream {
	s := &stream{
		name: d.Name, description: d.Description, unit: d.Unit, boundaries: d.Boundaries,
		sum:       d.Kind() != schema.KindGauge || d.Additive,
		monotonic: d.Kind() == schema.KindCounter,
	}
	if s.sum {
		s.temporality = c.temporality(instrumentKind(d))
	}
	if c.prometheusNames {
		// A receiver would turn the unit into a suffix of the name.
		s.name, s.unit = sentName(d), ""
	}
	return s
}

// change makes the stream what a view says. It reports false for one that the view
// drops.
func (s *stream) change(d *schema.Definition, view sdkmetric.Stream, c exportConfig) (bool, error) {
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
	return s.aggregate(d, view.Aggregation, c)
}

// aggregate sets the aggregation of the stream: that of a view, or else the reader's,
// of which boundaries are less than those of the definition.
func (s *stream) aggregate(d *schema.Definition, aggregation sdkmetric.Aggregation, c exportConfig) (bool, error) {
	if aggregation == nil && c.aggregation != nil {
		aggregation = c.aggregation(instrumentKind(d))
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
		if s.sum && d.Kind() != schema.KindHistogram {
			return true, nil
		}
	case sdkmetric.AggregationLastValue:
		if !s.sum {
			return true, nil
		}
	case sdkmetric.AggregationExplicitBucketHistogram:
		if d.Kind() == schema.KindHistogram {
			s.noMinMax = a.NoMinMax
			return true, s.coarsen(d.Boundaries, a.Boundaries)
		}
	case sdkmetric.AggregationBase2ExponentialHistogram:
		if d.Kind() == schema.KindHistogram {
			s.exponential, s.noMinMax = &a, a.NoMinMax
			if a.MaxSize < 1 || a.MaxScale > 20 || a.MaxScale < minExponentialScale {
				return false, fmt.Errorf("exponential buckets of size %d and scale %d: expected a size of 1 or more, and a scale of -10 to 20", a.MaxSize, a.MaxScale)
			}
			return true, nil
		}
	}
	return false, fmt.Errorf("a %s cannot have the aggregation %T", d.Kind(), aggregation)
}

// coarsen leaves only some of the boundaries.
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
	s.bucketOf = make([]int, len(all)+1)
	for i := range s.bucketOf {
		s.bucketOf[i] = len(some)
		if i < len(all) {
			s.bucketOf[i], _ = slices.BinarySearch(some, all[i])
		}
	}
	return nil
}

// checkStreams reports a name that two streams have.
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
