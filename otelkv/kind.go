package otelkv

import (
	"context"
	"fmt"
	"math"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/internal/preaggregated"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// A kind is all that differs between the kinds and numbers of metrics.
type kind interface {
	// create makes the metric's OpenTelemetry instrument, on a provider that is
	// not ours.
	create(meter metric.Meter, m *instrumented) (metric.Observable, error)
	// observe reads the series for a collection of such a provider, once for all
	// of its names.
	observe(s *series, o observation)
	// apply records what a payload says of one series.
	apply(ctx context.Context, s *series, e *stats.Entry) error
	// collect takes the series' point for a reader of ours and hands it to emit,
	// unless there is nothing to say since the reader's last collection.
	collect(s *series, r *reader, emit emitter)
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

func (int64CounterKind) create(meter metric.Meter, m *instrumented) (metric.Observable, error) {
	return meter.Int64ObservableCounter(m.definition.Name,
		metric.WithDescription(m.definition.Description), metric.WithUnit(m.definition.Unit))
}

func (float64CounterKind) create(meter metric.Meter, m *instrumented) (metric.Observable, error) {
	return meter.Float64ObservableCounter(m.definition.Name,
		metric.WithDescription(m.definition.Description), metric.WithUnit(m.definition.Unit))
}

func (int64GaugeKind) create(meter metric.Meter, m *instrumented) (metric.Observable, error) {
	return meter.Int64ObservableGauge(m.definition.Name,
		metric.WithDescription(m.definition.Description), metric.WithUnit(m.definition.Unit))
}

func (float64GaugeKind) create(meter metric.Meter, m *instrumented) (metric.Observable, error) {
	return meter.Float64ObservableGauge(m.definition.Name,
		metric.WithDescription(m.definition.Description), metric.WithUnit(m.definition.Unit))
}

func (histogramKind) create(meter metric.Meter, m *instrumented) (metric.Observable, error) {
	var err error
	m.histogram, err = meter.Float64Histogram(m.definition.Name,
		metric.WithDescription(m.definition.Description), metric.WithUnit(m.definition.Unit),
		metric.WithExplicitBucketBoundaries(m.definition.Boundaries...))
	return nil, err
}

func (int64CounterKind) observe(s *series, o observation) { o.int64(s.int64Total()) }

func (float64CounterKind) observe(s *series, o observation) { o.float64(s.float64()) }

func (int64GaugeKind) observe(s *series, o observation) { o.int64(s.int64()) }

func (float64GaugeKind) observe(s *series, o observation) { o.float64(s.float64()) }

// observe does nothing: the samples were recorded to a synchronous instrument.
func (histogramKind) observe(*series, observation) {}

func (int64CounterKind) apply(_ context.Context, s *series, e *stats.Entry) error {
	increment, err := whole(e.Value())
	if err != nil {
		return err
	}
	if increment < 0 {
		return fmt.Errorf("%w: a counter cannot take the negative increment %d", ErrNumber, increment)
	}
	s.addInt64(increment)
	return nil
}

func (float64CounterKind) apply(_ context.Context, s *series, e *stats.Entry) error {
	increment := e.Value().Float64()
	if !finite(increment) || increment < 0 {
		return fmt.Errorf("%w: a counter cannot take the increment %v", ErrNumber, increment)
	}
	s.addFloat64(increment)
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

// apply records all the samples or, where one is not finite, none: an entry is
// good or bad as a whole, here as in the decoders.
func (histogramKind) apply(ctx context.Context, s *series, e *stats.Entry) error {
	samples := e.Samples()
	for i := range samples {
		if sample := samples[i].Float64(); !finite(sample) {
			return fmt.Errorf("%w: sample %d of %d is %v", ErrNumber, i+1, len(samples), sample)
		}
	}
	for i := range samples {
		s.recordSample(ctx, samples[i].Float64())
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

// An emitter adds one point of a series to the metric that the series belongs
// to, and to those that mirror it.
type emitter struct {
	reader *reader
	series *series
}

// each calls add for the metric and the attributes of every name under which
// the series is to be reported.
func (e emitter) each(add func(*preaggregated.Metric, attribute.Set)) {
	if e.series.live.Load() {
		add(e.reader.metric(e.series.metric), e.series.attributes)
	}
	for i, target := range e.series.metric.mirrors {
		add(e.reader.metric(target.metric), e.series.mirrors[i])
	}
}

func (int64CounterKind) collect(s *series, r *reader, emit emitter) {
	value, start := s.int64Total(), s.start
	if r.wants.Counters {
		d := s.delta(r)
		reported := int64(d.bits)                     //nolint:gosec // The bits of an int64.
		d.bits, value = uint64(value), value-reported //nolint:gosec // The same.
		start = r.since(s)
	}
	emit.int64(value, start)
}

func (float64CounterKind) collect(s *series, r *reader, emit emitter) {
	value, start := s.float64(), s.start
	if r.wants.Counters {
		d := s.delta(r)
		reported := math.Float64frombits(d.bits)
		d.bits, value = math.Float64bits(value), value-reported
		start = r.since(s)
	}
	emit.float64(value, start)
}

func (int64GaugeKind) collect(s *series, _ *reader, emit emitter) {
	emit.int64(s.int64(), s.start)
}

func (float64GaugeKind) collect(s *series, _ *reader, emit emitter) {
	emit.float64(s.float64(), s.start)
}

func (histogramKind) collect(s *series, r *reader, emit emitter) {
	counts := make([]uint64, len(s.cell.buckets))
	var count uint64
	for i := range s.cell.buckets {
		counts[i] = s.cell.buckets[i].Load()
		count += counts[i]
	}
	s.foldInterval()
	all, start := s.cell.total, s.start
	if r.wants.Histograms {
		d := s.delta(r)
		if d.counts != nil && count == d.count {
			return
		}
		all, start = d.interval, r.since(s)
		d.interval = emptyInterval()
		previous := d.counts
		d.counts, d.count = slices.Clone(counts), count
		for i, n := range previous {
			counts[i] -= n
		}
	}
	emit.distribution(counts, all, start)
}

func (e emitter) int64(value int64, start int64) {
	e.each(func(m *preaggregated.Metric, attributes attribute.Set) {
		m.Int64Points = append(m.Int64Points, preaggregated.Point[int64]{Attributes: attributes, Start: start, Value: value})
	})
}

func (e emitter) float64(value float64, start int64) {
	e.each(func(m *preaggregated.Metric, attributes attribute.Set) {
		m.Float64Points = append(m.Float64Points, preaggregated.Point[float64]{Attributes: attributes, Start: start, Value: value})
	})
}

func (e emitter) distribution(counts []uint64, all interval, start int64) {
	e.each(func(m *preaggregated.Metric, attributes attribute.Set) {
		m.Distributions = append(m.Distributions, preaggregated.Distribution{
			Attributes: attributes, Start: start,
			Counts: counts, Sum: all.sum, Min: all.least, Max: all.greatest,
		})
	})
}
