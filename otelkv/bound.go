// SPDX-License-Identifier: Apache-2.0

package otelkv

import "context"

// The bound series. Each is the size of a pointer and may be copied. Their
// methods are safe for concurrent use, return nothing, never block, never
// allocate and never panic. The zero value records nothing, as does a series
// whose engine was removed.
//
// A series appears in what is exported with its first measurement, also one of
// zero, or when its engine was declared with [WithPriming].
type (
	// Int64Counter is a bound series of a [schema.Int64Counter].
	Int64Counter struct{ series *series }
	// Float64Counter is a bound series of a [schema.Float64Counter].
	Float64Counter struct{ series *series }
	// Int64Gauge is a bound series of a [schema.Int64Gauge].
	Int64Gauge struct{ series *series }
	// Float64Gauge is a bound series of a [schema.Float64Gauge].
	Float64Gauge struct{ series *series }
	// Histogram is a bound series of a [schema.Histogram].
	Histogram struct{ series *series }
)

// Add adds increment to the counter. A negative increment is refused and
// counted ([Recorder.Statistics]). A total past the largest int64 stays there.
func (c Int64Counter) Add(increment int64) {
	if c.series != nil {
		c.series.addInt64(increment)
	}
}

// Add adds increment to the counter. A negative, infinite or NaN increment is
// refused and counted ([Recorder.Statistics]).
func (c Float64Counter) Add(increment float64) {
	if c.series != nil {
		c.series.addFloat64(increment)
	}
}

// AddContext is Add for a measurement that can become an exemplar: one whose context
// has a sampled span, unless [WithExemplarFilter] says otherwise. It costs a comparison
// more than Add where the context is context.Background. What leaves through
// [Recorder.RegisterInstruments] has no exemplars of counters.
func (c Int64Counter) AddContext(ctx context.Context, increment int64) {
	if c.series == nil {
		return
	}
	if c.series.metric.maySample(ctx) {
		c.series.offerInt64(ctx, increment)
	}
	c.series.addInt64(increment)
}

// AddContext is Add for a measurement that can become an exemplar, as
// [Int64Counter.AddContext] is.
func (c Float64Counter) AddContext(ctx context.Context, increment float64) {
	if c.series == nil {
		return
	}
	if c.series.metric.maySample(ctx) {
		c.series.offerFloat64(ctx, increment)
	}
	c.series.addFloat64(increment)
}

// Record sets the gauge to value.
func (g Int64Gauge) Record(value int64) {
	if g.series != nil {
		g.series.setInt64(value)
	}
}

// Record sets the gauge to value. An infinite or NaN value is refused and
// counted ([Recorder.Statistics]).
func (g Float64Gauge) Record(value float64) {
	if g.series != nil {
		g.series.setFloat64(value)
	}
}

// Record adds a sample to the histogram. A negative, infinite or NaN sample is
// refused and counted ([Recorder.Statistics]).
//
// What is exported of a histogram counts as many samples as its buckets do. Its sum
// may run ahead of that by the samples in flight, which are those that are recorded
// while it is collected; the next collection counts them.
func (h Histogram) Record(sample float64) {
	if h.series != nil && h.series.recordSample(sample) {
		h.series.settleSample(context.Background(), sample)
	}
}

// RecordContext is Record for a sample that can become an exemplar, as
// [Int64Counter.AddContext] is for counters. The context is also that of the
// instruments of [Recorder.RegisterInstruments].
func (h Histogram) RecordContext(ctx context.Context, sample float64) {
	if h.series == nil {
		return
	}
	if h.series.metric.maySample(ctx) {
		h.series.offerFloat64(ctx, sample)
	}
	if h.series.recordSample(sample) {
		h.series.settleSample(ctx, sample)
	}
}
