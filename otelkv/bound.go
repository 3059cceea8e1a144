// SPDX-License-Identifier: Apache-2.0

package otelkv

import "context"

// The bound series. Each has the size of a pointer and may be copied. The methods are safe
// for concurrent use, return nothing, and never block, allocate or panic. The zero value
// records nothing, nor does a series whose engine was removed.
//
// A series is exported from its first measurement on, even if that is zero. With
// [WithPriming] it is exported from the start.
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

// Add adds an increment to the counter. A negative increment is refused and counted
// ([Recorder.Statistics]). A total beyond int64 stays at the greatest int64.
func (c Int64Counter) Add(increment int64) {
	if c.series != nil {
		c.series.addInt64(increment)
	}
}

// Add adds an increment to the counter. A negative, infinite or NaN increment is refused
// and counted ([Recorder.Statistics]).
func (c Float64Counter) Add(increment float64) {
	if c.series != nil {
		c.series.addFloat64(increment)
	}
}

// AddContext is Add for a measurement that can become an exemplar. It becomes one if its
// context has a sampled span, unless [WithExemplarFilter] sets another rule. With
// context.Background it costs one comparison more than Add. Instruments
// ([Recorder.RegisterInstruments]) get no exemplars of counters.
func (c Int64Counter) AddContext(ctx context.Context, increment int64) {
	if c.series != nil && c.series.metric.maySample(ctx) {
		offer(ctx, c.series, increment)
	}
	c.Add(increment)
}

// AddContext is Add for a measurement that can become an exemplar, as with
// [Int64Counter.AddContext].
func (c Float64Counter) AddContext(ctx context.Context, increment float64) {
	if c.series != nil && c.series.metric.maySample(ctx) {
		offer(ctx, c.series, increment)
	}
	c.Add(increment)
}

// Record sets the gauge to value.
func (g Int64Gauge) Record(value int64) {
	if g.series != nil {
		g.series.setInt64(value)
	}
}

// Record sets the gauge to value. An infinite or NaN value is refused and counted
// ([Recorder.Statistics]).
func (g Float64Gauge) Record(value float64) {
	if g.series != nil {
		g.series.setFloat64(value)
	}
}

// Record adds a sample to the histogram. A negative, infinite or NaN sample is refused and
// counted ([Recorder.Statistics]).
//
// The exported count is that of the buckets. The exported sum may include samples that are
// recorded during the collection and not yet counted. The next collection counts them.
func (h Histogram) Record(sample float64) {
	if h.series != nil && h.series.recordSample(sample) {
		h.series.settleSample(context.Background(), sample)
	}
}

// RecordContext is Record for a sample that can become an exemplar, as with
// [Int64Counter.AddContext]. Instruments ([Recorder.RegisterInstruments]) get the context
// too.
func (h Histogram) RecordContext(ctx context.Context, sample float64) {
	if h.series != nil && h.series.metric.maySample(ctx) {
		offer(ctx, h.series, sample)
	}
	if h.series != nil && h.series.recordSample(sample) {
		h.series.settleSample(ctx, sample)
	}
}
