// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// Int64Counter binds a series of the counter m: the one whose label names take
// labelValues, in the definition's order. Binding the same series again returns
// the same one.
//
// The error is a [stats.EntryError] that wraps [ErrUnknownMetric],
// [ErrWrongKind], [ErrLabelValues], [ErrMirror] or [ErrRemoved].
// With it comes a counter that records nothing, and whose increments
// [Statistics.Refused] counts.
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

// newUnbound returns the series that stands for all that cannot be bound.
func newUnbound(r *Recorder) *series {
	s := &series{metric: &recorderMetric{recorder: r, traceBased: true}, cell: newHistogramCell(newBucketTable(nil))}
	s.state.set(unbound)
	return s
}

// resolve returns the metric of the given name, if it is of the given kind and
// can be recorded to.
func (r *Recorder) resolve(name string, kind schema.Kind) (*recorderMetric, error) {
	m := r.byName[name]
	switch {
	case m == nil:
		return nil, ErrUnknownMetric
	case m.definition.Mirrors != nil:
		return nil, fmt.Errorf("%w: record to %s", ErrMirror, m.definition.Mirrors[0].Of)
	case m.definition.Kind() != kind:
		return nil, fmt.Errorf("%w: it is a %s, not a %s", ErrWrongKind, m.definition.Kind(), kind)
	}
	return m, nil
}

// resolve returns the engine's series of a metric and label values, and makes it
// if there is none.
func (e *Engine) resolve(m *recorderMetric, labelValues []string) (*series, error) {
	if len(labelValues) != len(m.definition.LabelNames) {
		return nil, fmt.Errorf("%w: expects %d labels %q, got %d",
			ErrLabelValues, len(m.definition.LabelNames), m.definition.LabelNames, len(labelValues))
	}
	e.mu.RLock()
	s := e.metrics[m.ordinal].find(labelValues)
	removed := e.removed
	e.mu.RUnlock()
	switch {
	case removed:
		return nil, ErrRemoved
	case s != nil:
		return s, nil
	}
	for i, value := range labelValues {
		if err := checkLabelValue(value); err != nil {
			return nil, fmt.Errorf("label %q: %w", m.definition.LabelNames[i], err)
		}
	}
	return e.add(m, labelValues)
}

func (set *seriesSet) find(labelValues []string) *series {
	var buffer [128]byte
	return set.byLabels[string(tuple.Append(buffer[:0], labelValues))]
}

// add makes a series, or returns the one that the label values fold into. Where
// series departed that are still to be told, it looks among them first.
func (e *Engine) add(m *recorderMetric, labelValues []string) (*series, error) {
	s, err := e.addUnlessDeparted(m, labelValues)
	if s != nil || err != nil {
		return s, err
	}
	e.recorder.collecting.Lock()
	defer e.recorder.collecting.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.addLocked(m, labelValues, true)
}

// addUnlessDeparted returns nothing where a departed series may have to go on, which
// only the holder of the collecting lock can tell.
func (e *Engine) addUnlessDeparted(m *recorderMetric, labelValues []string) (*series, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.resumes() && e.recorder.departed.Load() > 0 {
		return e.metrics[m.ordinal].find(labelValues), nil
	}
	return e.addLocked(m, labelValues, false)
}

func (e *Engine) addLocked(m *recorderMetric, labelValues []string, resume bool) (*series, error) {
	if e.removed {
		return nil, ErrRemoved
	}
	set := &e.metrics[m.ordinal]
	if s := set.find(labelValues); s != nil {
		return s, nil
	}
	if !e.recorder.reserve(m) {
		if kept := e.fold(m, labelValues); !slices.Equal(kept, labelValues) {
			e.recorder.folded.Add(1)
			labelValues = kept
			if s := set.find(labelValues); s != nil {
				return s, nil
			}
		}
		// What was declared, and what the others fold into, comes on top.
		m.series.Add(1)
		e.recorder.series.Add(1)
	}
	s := e.newSeries(m, slices.Clone(labelValues))
	if resume {
		if before := e.recorder.resume(s.identity()); before != nil {
			before.mirrors = s.mirrors // the engine's medium may be another
			s = before
		}
	}
	if m.exponential.Load() {
		s.countExponentially(e.recorder.config.now().UnixNano())
	}
	e.recorder.instrument(s)
	if set.byLabels == nil {
		set.byLabels = make(map[string]*series)
	}
	set.byLabels[string(tuple.Append(nil, labelValues))] = s
	set.ordered = append(set.ordered, s)
	return s, nil
}

func (e *Engine) newSeries(m *recorderMetric, labelValues []string) *series {
	s := &series{metric: m, labelValues: labelValues, start: e.recorder.config.now().UnixNano()}
	s.attributes = e.attributeSet(m, labelValues)
	for _, mirror := range m.mirrors {
		values := labelValues
		if mirror.labelValues != nil {
			values = withMedium(mirror.labelValues, e.config.medium)
		}
		s.mirrors = append(s.mirrors, e.attributeSet(mirror.metric, values))
	}
	if m.definition.Kind() == schema.KindHistogram {
		s.cell = newHistogramCell(m.table)
	}
	return s
}

// attributeSet returns the attributes of one series: the engine's labels and
// the metric's own.
func (e *Engine) attributeSet(m *recorderMetric, labelValues []string) attribute.Set {
	all := make([]attribute.KeyValue, 0, len(e.attributes)+len(labelValues))
	all = append(all, e.attributes...)
	for i, value := range labelValues {
		label := m.definition.LabelNames[i]
		all = append(all, attribute.String(label, value))
		if label == schema.LabelTier && e.recorder.config.tierMedium != nil {
			all = append(all, attribute.String(LabelTierMedium, e.recorder.config.medium(value)))
		}
	}
	return attribute.NewSet(all...)
}

// ordered returns the engine's series of a metric as they are now.
func (e *Engine) ordered(m *recorderMetric) []*series {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.metrics[m.ordinal].ordered
}
