// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"slices"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// Int64Counter binds the series of the counter m whose labels have the given values, in
// the definition's order. Binding a series again returns the same series.
//
// The error is a [stats.EntryError] that wraps [ErrUnknownMetric], [ErrWrongKind],
// [ErrLabelValues], [ErrMirror] or [ErrRemoved]. The counter that comes with an error
// records nothing: [Statistics.Refused] counts its increments.
func (e *Engine) Int64Counter(m schema.Int64Counter, labelValues ...string) (Int64Counter, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Int64Counter{s}, err
}

// Float64Counter binds a series of the counter m, as [Engine.Int64Counter] does.
func (e *Engine) Float64Counter(m schema.Float64Counter, labelValues ...string) (Float64Counter, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Float64Counter{s}, err
}

// Int64Gauge binds a series of the gauge m, as [Engine.Int64Counter] does.
func (e *Engine) Int64Gauge(m schema.Int64Gauge, labelValues ...string) (Int64Gauge, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Int64Gauge{s}, err
}

// Float64Gauge binds a series of the gauge m, as [Engine.Int64Counter] does.
func (e *Engine) Float64Gauge(m schema.Float64Gauge, labelValues ...string) (Float64Gauge, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Float64Gauge{s}, err
}

// Histogram binds a series of the histogram m, as [Engine.Int64Counter] does.
func (e *Engine) Histogram(m schema.Histogram, labelValues ...string) (Histogram, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Histogram{s}, err
}

// Int64Total binds the total of a counter, as [Engine.Int64Counter] binds the counter.
// A total that comes with an error refuses and counts what it observes.
func (e *Engine) Int64Total(m schema.Int64Counter, labelValues ...string) (Int64Total, error) {
	c, err := e.Int64Counter(m, labelValues...)
	return Int64Total{&totalState[int64]{add: c.Add}}, err
}

// Float64Total binds the total of a counter, as [Engine.Float64Counter] binds the counter.
func (e *Engine) Float64Total(m schema.Float64Counter, labelValues ...string) (Float64Total, error) {
	c, err := e.Float64Counter(m, labelValues...)
	return Float64Total{&totalState[float64]{add: c.Add}}, err
}

// HistogramTotal binds the buckets of a histogram, as [Engine.Histogram] binds the
// histogram. The boundaries are the upper bounds of the source's buckets, finite and
// ascending. They must include every boundary of the definition. Buckets between two
// boundaries of the definition are added up.
//
// The error says which boundaries do not fit. Instruments
// ([Recorder.RegisterInstruments]) take samples only, so they get nothing of the total.
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
		series: h.series, into: into, counts: make([]uint64, len(into)), since: make([]uint64, len(h.series.cell.buckets)),
	}}, nil
}

// Bind makes the engine a [stats.Binder], for code that records without knowing whether
// it fills a payload or a recorder, such as connector.NewSimpleCPU. The result is an
// [Int64Counter], a [Float64Counter], an [Int64Gauge], a [Float64Gauge] or a [Histogram].
// The error is as with [Engine.Int64Counter].
func (e *Engine) Bind(d schema.Definition, labelValues ...string) (any, error) {
	s, err := e.bind(d, labelValues)
	if err != nil {
		return nil, err
	}
	return s.metric.bound(s), nil
}

// bind returns the series of a definition and label values.
func (e *Engine) bind(d schema.Definition, labelValues []string) (*series, error) {
	m, err := e.recorder.resolve(d.PrometheusName, d.Kind())
	if err == nil && d.Number() != m.definition.Number() {
		err = fmt.Errorf("%w: it is a %s of %s, not of %s", ErrWrongKind, m.definition.Kind(), m.definition.Number(), d.Number())
	}
	var s *series
	if err == nil {
		s, err = e.resolve(m, labelValues)
	}
	if err != nil {
		return e.recorder.unbound, &stats.EntryError{Metric: d.PrometheusName, LabelValues: slices.Clone(labelValues), Err: err}
	}
	return s, nil
}

// resolve returns the engine's series of a metric and label values. It creates the series
// if there is none.
func (e *Engine) resolve(m *recorderMetric, labelValues []string) (*series, error) {
	if len(labelValues) != len(m.definition.LabelNames) {
		return nil, fmt.Errorf("%w: expects %d labels %q, got %d",
			ErrLabelValues, len(m.definition.LabelNames), m.definition.LabelNames, len(labelValues))
	}
	if s := e.existing(m, labelValues); s != nil {
		return s, nil
	}
	for i, value := range labelValues {
		if err := checkLabelValue(value); err != nil {
			return nil, fmt.Errorf("label %q: %w", m.definition.LabelNames[i], err)
		}
	}
	return e.add(m, labelValues)
}

// existing returns the engine's series of a metric and label values, or nil.
func (e *Engine) existing(m *recorderMetric, labelValues []string) *series {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.metrics[m.ordinal].find(labelValues)
}

// ordered returns the engine's series of a metric as they are now.
func (e *Engine) ordered(m *recorderMetric) []*series {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.metrics[m.ordinal].ordered
}

// add creates a series, or returns the one that the label values fold into. A removed
// series that some reader still has to report may have to continue. To find it takes the
// collecting lock, which comes before the engine's own.
func (e *Engine) add(m *recorderMetric, labelValues []string) (*series, error) {
	e.mu.Lock()
	resume := m.resumes() && e.recorder.departed.Load()
	if resume {
		e.mu.Unlock()
		e.recorder.collecting.Lock()
		defer e.recorder.collecting.Unlock()
		e.mu.Lock()
	}
	defer e.mu.Unlock()
	if e.removed {
		return nil, ErrRemoved
	}
	set := &e.metrics[m.ordinal]
	if s := set.find(labelValues); s != nil {
		return s, nil
	}
	// Declared series, and the series that others fold into, may exceed the limit.
	if m.count(1) {
		if folded := m.fold(labelValues, e.config.tiers); !slices.Equal(folded, labelValues) {
			e.recorder.folded.Add(1)
			labelValues = folded
			if s := set.find(labelValues); s != nil {
				m.count(-1)
				return s, nil
			}
		}
	}
	s := m.newSeries(e.attributes, slices.Clone(labelValues), e.config.medium)
	if resume {
		if before := e.recorder.resume(s.identity()); before != nil {
			before.mirrors = s.mirrors // the engine may have another medium now
			s = before
		}
	}
	if m.exponential.Load() {
		s.countExponentially(e.recorder.config.now().UnixNano())
	}
	e.recorder.instrument(s)
	set.add(s)
	return s, nil
}

// drain removes the series that match from the engine, and returns them.
func (e *Engine) drain(match func(*series) bool) []*series {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*series
	for i := range e.metrics {
		gone := e.metrics[i].remove(match)
		e.recorder.metrics[i].count(-int64(len(gone)))
		all = append(all, gone...)
	}
	return all
}

// start creates the series that exist before traffic.
func (e *Engine) start() {
	e.prime(e.Tiers())
	for _, m := range e.recorder.metrics {
		if m.definition.StartsAtZero && m.definition.Mirrors == nil {
			e.create(m, nil, (*series).show)
		}
		for _, mirror := range m.mirrors {
			if mirror.metric.definition.StartsAtZero {
				e.create(m, nil, func(s *series) { s.mirrored.Store(true) })
			}
		}
	}
}

// prime creates the series that are known beforehand. Of those with a tier it creates
// the given tiers' only. It does nothing for an engine that is not primed.
func (e *Engine) prime(tiers []string) {
	if !e.config.primed {
		return
	}
	for _, m := range e.recorder.metrics {
		if m.definition.FromInfo || m.definition.Mirrors != nil {
			continue
		}
		for _, labelValues := range knownLabelValues(&m.definition, tiers) {
			e.create(m, labelValues, (*series).show)
		}
	}
}

// create creates a series and shows it. The engine may have been removed by now: then
// there is nothing to show.
func (e *Engine) create(m *recorderMetric, labelValues []string, show func(*series)) {
	if s, err := e.resolve(m, labelValues); err == nil {
		show(s)
	}
}
