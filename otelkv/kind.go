// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"fmt"
	"math"
	"slices"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// A kind is all that differs between the kinds and numbers of metrics.
type kind interface {
	// bound returns the exported type of a bound series.
	bound(s *series) any
	// create creates the metric's OpenTelemetry instrument. It is a synchronous one for a
	// histogram and, if instruments can be bound, for a counter. Otherwise it is a
	// [metric.Observable].
	create(meter metric.Meter, d *schema.Definition, bindable bool) (any, error)
	// observe reports the bits of a series to a collection of a meter provider.
	observe(o metric.Observer, instrument any, bits uint64, options []metric.ObserveOption)
	// apply records what a payload says of one series.
	apply(ctx context.Context, s *series, e *stats.Entry) error
	// collect gives p the series' points, unless nothing has changed since the last
	// collection.
	collect(s *series, p *Producer)
}

// kindOf is the only switch over kind and number. It returns the kind, and what the
// metric is to views and to temporality selectors. Counters and gauges are observable
// instruments to them, because that is what the recorder registers.
func kindOf(d schema.Definition) (kind, sdkmetric.InstrumentKind) {
	var instrument sdkmetric.InstrumentKind
	switch {
	case d.Kind() == schema.KindHistogram:
		return histogramKind{}, sdkmetric.InstrumentKindHistogram
	case d.Kind() == schema.KindCounter:
		instrument = sdkmetric.InstrumentKindObservableCounter
	case d.Additive:
		instrument = sdkmetric.InstrumentKindObservableUpDownCounter
	default:
		instrument = sdkmetric.InstrumentKindObservableGauge
	}
	if d.Number() == schema.NumberKindInt64 {
		return int64Kind{scalar{instrument}}, instrument
	}
	return float64Kind{scalar{instrument}}, instrument
}

type (
	// A scalar is a counter or a gauge.
	scalar        struct{ instrument sdkmetric.InstrumentKind }
	int64Kind     struct{ scalar }
	float64Kind   struct{ scalar }
	histogramKind struct{}
)

func (k scalar) isCounter() bool { return k.instrument == sdkmetric.InstrumentKindObservableCounter }

func (k int64Kind) bound(s *series) any {
	if k.isCounter() {
		return Int64Counter{s}
	}
	return Int64Gauge{s}
}

func (k int64Kind) create(meter metric.Meter, d *schema.Definition, bindable bool) (any, error) {
	description, unit := metric.WithDescription(d.Description), metric.WithUnit(d.Unit)
	switch {
	case k.isCounter() && bindable:
		return meter.Int64Counter(d.Name, description, unit)
	case k.isCounter():
		return meter.Int64ObservableCounter(d.Name, description, unit)
	case d.Additive:
		return meter.Int64ObservableUpDownCounter(d.Name, description, unit)
	}
	return meter.Int64ObservableGauge(d.Name, description, unit)
}

func (k int64Kind) observe(o metric.Observer, instrument any, bits uint64, options []metric.ObserveOption) {
	o.ObserveInt64(instrument.(metric.Int64Observable), k.value(bits), options...)
}

func (k int64Kind) apply(ctx context.Context, s *series, e *stats.Entry) error {
	value, exact := e.Value().Int64()
	switch {
	case !exact:
		return fmt.Errorf("%w: %v is not a whole number within int64", ErrNumber, e.Value())
	case !k.isCounter():
		s.setInt64(value)
	case value < 0:
		return fmt.Errorf("%w: a counter cannot take the negative increment %d", ErrNumber, value)
	default:
		Int64Counter{s}.AddContext(ctx, value)
	}
	return nil
}

func (k int64Kind) collect(s *series, p *Producer) {
	bits := s.bits.Load()
	value := k.value(bits)
	if p.deltas[s.metric.ordinal] {
		d := s.delta(p)
		value, d.bits = value-k.value(d.bits), bits
	}
	for stream, attributes := range p.streamsOf(s) {
		stream.addInt64(s, attributes, value)
	}
}

// value returns the value of a series with the given bits. A counter whose total is beyond
// int64 has the greatest one.
func (k int64Kind) value(bits uint64) int64 {
	value := int64(bits) //nolint:gosec // The bits of an int64.
	if value < 0 && k.isCounter() {
		return math.MaxInt64
	}
	return value
}

func (k float64Kind) bound(s *series) any {
	if k.isCounter() {
		return Float64Counter{s}
	}
	return Float64Gauge{s}
}

func (k float64Kind) create(meter metric.Meter, d *schema.Definition, bindable bool) (any, error) {
	description, unit := metric.WithDescription(d.Description), metric.WithUnit(d.Unit)
	switch {
	case k.isCounter() && bindable:
		return meter.Float64Counter(d.Name, description, unit)
	case k.isCounter():
		return meter.Float64ObservableCounter(d.Name, description, unit)
	case d.Additive:
		return meter.Float64ObservableUpDownCounter(d.Name, description, unit)
	}
	return meter.Float64ObservableGauge(d.Name, description, unit)
}

func (float64Kind) observe(o metric.Observer, instrument any, bits uint64, options []metric.ObserveOption) {
	o.ObserveFloat64(instrument.(metric.Float64Observable), math.Float64frombits(bits), options...)
}

func (k float64Kind) apply(ctx context.Context, s *series, e *stats.Entry) error {
	value := e.Value().Float64()
	switch {
	case !k.isCounter() && finite(value):
		s.setFloat64(value)
	case !k.isCounter():
		return fmt.Errorf("%w: a gauge cannot take %v", ErrNumber, value)
	case !finite(value) || value < 0:
		return fmt.Errorf("%w: a counter cannot take the increment %v", ErrNumber, value)
	default:
		Float64Counter{s}.AddContext(ctx, value)
	}
	return nil
}

func (float64Kind) collect(s *series, p *Producer) {
	bits := s.bits.Load()
	value := math.Float64frombits(bits)
	if p.deltas[s.metric.ordinal] {
		d := s.delta(p)
		value, d.bits = value-math.Float64frombits(d.bits), bits
	}
	for stream, attributes := range p.streamsOf(s) {
		stream.addFloat64(s, attributes, value)
	}
}

func (histogramKind) bound(s *series) any { return Histogram{s} }

func (histogramKind) create(meter metric.Meter, d *schema.Definition, _ bool) (any, error) {
	return meter.Float64Histogram(d.Name, metric.WithDescription(d.Description), metric.WithUnit(d.Unit),
		metric.WithExplicitBucketBoundaries(d.Boundaries...))
}

// observe does nothing: the instrument gets each sample when it is recorded.
func (histogramKind) observe(metric.Observer, any, uint64, []metric.ObserveOption) {}

// apply records all the samples. If one is negative or not finite, it records none: an
// entry is good or bad as a whole, as in the decoders.
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

func (histogramKind) collect(s *series, p *Producer) {
	// Exponential buckets are read first and counted last, so that they never count a
	// sample that the other buckets do not.
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
	if p.deltas[s.metric.ordinal] {
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
	for stream, attributes := range p.streamsOf(s) {
		stream.addSamples(s, attributes, start, counts, all, exponential)
	}
}
