package exporters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/internal/preaggregated"
	"github.com/otelkv/otelkv-go/schema"
)

// sources are the recorders that hand their metrics to a pipeline, and the
// producers through which the pipeline's readers get them.
type sources struct {
	mu        sync.Mutex
	added     []*source
	producers []*producer
}

type source struct {
	scope  instrumentation.Scope
	source preaggregated.Source
}

// add gives every reader a view of the source, until the returned function is
// called. The error names every metric that another source defines differently.
func (s *sources) add(scope preaggregated.Scope, from preaggregated.Source) (remove func(), err error) {
	added := &source{instrumentation.Scope{Name: scope.Name, Version: scope.Version}, from}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(from); err != nil {
		return nil, err
	}
	s.added = append(s.added, added)
	for _, p := range s.producers {
		p.add(added)
	}
	return func() { s.remove(added) }, nil
}

// check compares a source's definitions with those of the sources that there
// are: under one name, a backend takes one definition.
func (s *sources) check(from preaggregated.Source) error {
	defined := make(map[string]schema.Definition)
	for _, other := range s.added {
		for d := range other.source.Definitions() {
			defined[d.PrometheusName] = d
		}
	}
	var errs []error
	for d := range from.Definitions() {
		if other, ok := defined[d.PrometheusName]; ok {
			errs = append(errs, conflict(d, other))
		}
	}
	return errors.Join(errs...)
}

// conflict returns what keeps two definitions from being one metric, or nil. An
// info metric has the labels of what it tells, which may differ.
func conflict(d, other schema.Definition) error {
	if d.FromInfo && other.FromInfo {
		return nil
	}
	for _, property := range []struct {
		name      string
		one, here any
	}{
		{"the instrument name", other.Name, d.Name},
		{"the kind", other.Kind(), d.Kind()},
		{"the number", other.Number(), d.Number()},
		{"the unit", other.Unit, d.Unit},
		{"the labels", other.LabelNames, d.LabelNames},
		{"the boundaries", other.Boundaries, d.Boundaries},
	} {
		if one, here := fmt.Sprint(property.one), fmt.Sprint(property.here); one != here {
			return fmt.Errorf("otelkv: metric %q: %w: %s %s, and %s in another recorder of the pipeline",
				d.PrometheusName, ErrConflict, property.name, here, one)
		}
	}
	return nil
}

func (s *sources) remove(removed *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added = slices.DeleteFunc(s.added, func(a *source) bool { return a == removed })
	for _, p := range s.producers {
		p.remove(removed)
	}
}

func (s *sources) newProducer(temporality sdkmetric.TemporalitySelector) *producer {
	p := &producer{
		// A recorder's counters are observable instruments where it has no
		// pipeline, and a reader sees the same points either way. The selectors
		// tell the two kinds of counter apart: "lowmemory" wants delta for
		// synchronous ones only.
		counters:   temporality(sdkmetric.InstrumentKindObservableCounter),
		histograms: temporality(sdkmetric.InstrumentKindHistogram),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.producers = append(s.producers, p)
	for _, added := range s.added {
		p.add(added)
	}
	return p
}

// A producer gives one reader the metrics of all sources.
type producer struct {
	counters, histograms metricdata.Temporality

	mu    sync.Mutex
	views []view
}

// A view is one source as one reader sees it.
type view struct {
	*source
	points preaggregated.Reader
}

func (p *producer) add(added *source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views = append(p.views, view{added, added.source.NewReader(preaggregated.Deltas{
		Counters:   p.counters == metricdata.DeltaTemporality,
		Histograms: p.histograms == metricdata.DeltaTemporality,
	})})
}

func (p *producer) remove(removed *source) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views = slices.DeleteFunc(p.views, func(v view) bool { return v.source == removed })
}

// Produce collects from every source.
func (p *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	collected := make([]metricdata.ScopeMetrics, 0, len(p.views))
	for _, v := range p.views {
		if metrics := p.collect(v); len(metrics) > 0 {
			collected = append(collected, metricdata.ScopeMetrics{Scope: v.scope, Metrics: metrics})
		}
	}
	return collected, nil
}

func (p *producer) collect(v view) []metricdata.Metrics {
	points, at := v.points.Collect()
	metrics := make([]metricdata.Metrics, 0, len(points))
	for _, m := range points {
		metrics = append(metrics, metricdata.Metrics{
			Name:        m.Definition.Name,
			Description: m.Definition.Description,
			Unit:        m.Definition.Unit,
			Data:        p.aggregation(m, at),
		})
	}
	return metrics
}

// aggregation returns the points in the form that exporters take.
func (p *producer) aggregation(m preaggregated.Metric, at time.Time) metricdata.Aggregation {
	integers := m.Definition.Number() == schema.NumberKindInt64
	switch m.Definition.Kind() {
	case schema.KindCounter:
		if integers {
			return metricdata.Sum[int64]{DataPoints: dataPoints(m.Int64Points, at), Temporality: p.counters, IsMonotonic: true}
		}
		return metricdata.Sum[float64]{DataPoints: dataPoints(m.Float64Points, at), Temporality: p.counters, IsMonotonic: true}
	case schema.KindGauge:
		if integers {
			return metricdata.Gauge[int64]{DataPoints: dataPoints(m.Int64Points, at)}
		}
		return metricdata.Gauge[float64]{DataPoints: dataPoints(m.Float64Points, at)}
	default:
		return metricdata.Histogram[float64]{
			DataPoints:  distributions(m.Distributions, m.Definition.Boundaries, at),
			Temporality: p.histograms,
		}
	}
}

func dataPoints[N int64 | float64](points []preaggregated.Point[N], at time.Time) []metricdata.DataPoint[N] {
	out := make([]metricdata.DataPoint[N], len(points))
	for i, p := range points {
		out[i] = metricdata.DataPoint[N]{Attributes: p.Attributes, StartTime: time.Unix(0, p.Start), Time: at, Value: p.Value}
	}
	return out
}

func distributions(points []preaggregated.Distribution, boundaries []float64, at time.Time) []metricdata.HistogramDataPoint[float64] {
	out := make([]metricdata.HistogramDataPoint[float64], len(points))
	for i, p := range points {
		out[i] = metricdata.HistogramDataPoint[float64]{
			Attributes:   p.Attributes,
			StartTime:    time.Unix(0, p.Start),
			Time:         at,
			Bounds:       boundaries,
			BucketCounts: p.Counts,
			Sum:          p.Sum,
		}
		for _, n := range p.Counts {
			out[i].Count += n
		}
		if out[i].Count > 0 && p.Min <= p.Max {
			out[i].Min, out[i].Max = metricdata.NewExtrema(p.Min), metricdata.NewExtrema(p.Max)
		}
	}
	return out
}
