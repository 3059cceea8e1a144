// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"fmt"
	"math"
	"slices"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// A kind is all that differs between the kinds and numbers of metrics.
type kind interface {
	// create makes the metric's OpenTelemetry instrument: an observable one, or a
	// synchronous one for what can be bound.
	create(meter metric.Meter, m *recorderMetric, bindable bool) (instrument, error)
	// observe reads the series for a collection of a meter provider, once for all
	// of its names.
	observe(s *series, o observation)
	// apply records what a payload says of one series.
	apply(ctx context.Context, s *series, e *stats.Entry) error
	// collect gives p the series' points, unless there is nothing to tell since the
	// last collection.
	collect(s *series, p *Producer)
}

// kindOf is the one switch over kind and number.
func kindOf(d schema.Definition) kind {
	switch d.Kind() {
	case schema.KindHistogram:
		return histogramKind{}
	case schema.KindGauge:
		if d.Number() == schema.NumberKindInt64 {
			return int64GaugeKind{}
		}
		return float64GaugeKind{}
	case schema.KindCounter:
		if d.Number() == schema.NumberKindInt64 {
			return int64CounterKind{}
		}
		return float64CounterKind{}
	}
	panic(fmt.Sprintf("otelkv: metric %q: a validated definition has no kind", d.PrometheusName))
}

type (
	int64CounterKind   struct{}
	float64CounterKind struct{}
	int64GaugeKind     struct{}
	float64GaugeKind   struct{}
	histogramKind      struct{}
)

func (int64CounterKind) create(meter metric.Meter, m *recorderMetric, bindable bool) (i instrument, err error) {
	if bindable {
		i.int64Counter, err = meter.Int64Counter(m.definition.Name, m.description(), m.unit())
	} else {
		i.observable, err = meter.Int64ObservableCounter(m.definition.Name, m.description(), m.unit())
	}
	return i, err
}

func (float64CounterKind) create(meter metric.Meter, m *recorderMetric, bindable bool) (i instrument, err error) {
	if bindable {
		i.float64Counter, err = meter.Float64Counter(m.definition.Name, m.description(), m.unit())
	} else {
		i.observable, err = meter.Float64ObservableCounter(m.definition.Name, m.description(), m.unit())
	}
	return i, err
}

func (int64GaugeKind) create(meter metric.Meter, m *recorderMetric, _ bool) (i instrument, err error) {
	if m.definition.Additive {
		i.observable, err = meter.Int64ObservableUpDownCounter(m.definition.Name, m.description(), m.unit())
	} else {
		i.observable, err = meter.Int64ObservableGauge(m.definition.Name, m.description(), m.unit())
	}
	return i, err
}

func (float64GaugeKind) create(meter metric.Meter, m *recorderMetric, _ bool) (i instrument, err error) {
	if m.definition.Additive {
		i.observable, err = meter.Float64ObservableUpDownCounter(m.definition.Name, m.description(), m.unit())
	} else {
		i.observable, err = meter.Float64ObservableGauge(m.definition.Name, m.description(), m.unit())
	}
	return i, err
}

func (histogramKind) create(meter metric.Meter, m *recorderMetric, _ bool) (i instrument, err error) {
	i.histogram, err = meter.Float64Histogram(m.definition.Name, m.description(), m.unit(),
		metric.WithExplicitBucketBoundaries(m.definition.Boundaries...))
	return i, err
}

func (m *recorderMetric) description() metric.InstrumentOption {
	return metric.WithDescription(m.definition.Description)
}

func (m *recorderMetric) unit() metric.InstrumentOption { return metric.WithUnit(m.definition.Unit) }

func (int64CounterKind) observe(s *series, o observation) { o.int64(s.int64Total()) }

func (float64CounterKind) observe(s *series, o observation) { o.float64(s.float64()) }

func (int64GaugeKind) observe(s *series, o observation) { o.int64(s.int64()) }

func (float64GaugeKind) observe(s *series, o observation) { o.float64(s.float64()) }

// observe does nothing: samples are recorded to a synchronous instrument.
func (histogramKind) observe(*series, observation) {}

func (int64CounterKind) apply(ctx context.Context, s *series, e *stats.Entry) error {
	increment, err := whole(e.Value())
	if err != nil {
		return err
	}
	if increment < 0 {
		return fmt.Errorf("%w: a counter cannot take the negative increment %d", ErrNumber, increment)
	}
	Int64Counter{s}.AddContext(ctx, increment)
	return nil
}

func (float64CounterKind) apply(ctx context.Context, s *series, e *stats.Entry) error {
	increment := e.Value().Float64()
	if !finite(increment) || increment < 0 {
		return fmt.Errorf("%w: a counter cannot take the increment %v", ErrNumber, increment)
	}
	Float64Counter{s}.AddContext(ctx, increment)
	return nil
}

func (int64GaugeKind) apply(_ context.Context, s *series, e *stats.Entry) error {
	value, err := whole(e.Value())
	if err != nil {
		return err
	}
	s.setInt64(value)
	return nil
}

func (float64GaugeKind) apply(_ context.Context, s *series, e *stats.Entry) error {
	value := e.Value().Float64()
	if !finite(value) {
		return fmt.Errorf("%w: a gauge cannot take %v", ErrNumber, value)
	}
	s.setFloat64(value)
	return nil
}

// apply records all the samples or, where one is negative or not finite, none: an
// entry is good or bad as a whole, here as in the decoders.
func (histogramKind) apply(ctx context.Context, s *series, e *stats.Entry) error {
	samples := e.Samples()
	for i := range samples {
		if sample := samples[i].Float64(); !finite(sample) || sample < 0 {
			return fmt.Errorf("%w: sample %d of %d is %v", ErrNumber, i+1, len(samples), sample)
		}
	}
	for i := range samples {
		Histogram{s}.RecordContext(ctx, samples[i].Float64())
	}
	// An entry without samples makes the series appear, as a child does in vLLM.
	s.show()
	return nil
}

// whole returns n as an int64, which is what a metric of int64 counts in.
func whole(n stats.Number) (int64, error) {
	v, exact := n.Int64()
	if !exact {
		return 0, fmt.Errorf("%w: %v is not a whole number within int64", ErrNumber, n)
	}
	return v, nil
}

func (int64CounterKind) collect(s *series, p *Producer) { collectInt64(s, p, s.int64Total()) }

func (float64CounterKind) collect(s *series, p *Producer) { collectFloat64(s, p) }

func (int64GaugeKind) collect(s *series, p *Producer) { collectInt64(s, p, s.int64()) }

func (float64GaugeKind) collect(s *series, p *Producer) { collectFloat64(s, p) }

func collectInt64(s *series, p *Producer, value int64) {
	if p.delta(s.metric) {
		d := s.delta(p)
		told := int64(d.bits)                     //nolint:gosec // The bits of an int64.
		d.bits, value = uint64(value), value-told //nolint:gosec // The same.
	}
	p.int64(s, value)
}

func collectFloat64(s *series, p *Producer) {
	value := s.float64()
	if p.delta(s.metric) {
		d := s.delta(p)
		told := math.Float64frombits(d.bits)
		d.bits, value = math.Float64bits(value), value-told
	}
	p.float64(s, value)
}

func (histogramKind) collect(s *series, p *Producer) {
	// Exponential buckets are read first, and counted last, so that they never count
	// what the others do not.
	var exponential exponentialCounts
	var cell *exponentialCell
	if p.exponential[s.metric.ordinal] {
		cell = s.cell.exponential.Load()
		exponential = cell.read()
	}
	counts := slices.Grow(p.counts[:0], len(s.cell.buckets))
	var count uint64
	for i := range s.cell.buckets {
		n := s.cell.buckets[i].Load()
		counts = append(counts, n)
		count += n
	}
	p.counts = counts
	s.foldInterval()
	all, start := s.cell.total, s.start
	if cell != nil && cell.base.count > 0 {
		all, start = all.after(cell.base.sum), cell.start
		for i, n := range cell.base.counts {
			counts[i] -= n
		}
		count -= cell.base.count
	}
	if p.delta(s.metric) {
		d := s.delta(p)
		if d.counts != nil && count == d.count {
			return
		}
		if d.counts == nil {
			d.counts = make([]uint64, len(counts))
			d.interval = all
		}
		all, d.interval, d.count = d.interval, emptyInterval(), count
		for i, n := range counts {
			counts[i], d.counts[i] = n-d.counts[i], n
		}
		exponential, d.exponential = exponential.without(d.exponential), exponential
	}
	p.histogram(s, start, counts, all, exponential)
}
