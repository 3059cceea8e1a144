// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/otelkv/otelkv-go/schema"

// A Binder binds series by their definitions. A payload is one, and an engine
// of the recorder is another, so that code which knows what to count, such as a
// tracker, fills payloads or records directly without knowing which.
//
// A bound series appears with its first measurement, also one of zero. Errors
// name the metric and what was expected of its label values.
type Binder interface {
	BindInt64Counter(m schema.Int64Counter, labelValues ...string) (Adder[int64], error)
	BindFloat64Counter(m schema.Float64Counter, labelValues ...string) (Adder[float64], error)
	BindInt64Gauge(m schema.Int64Gauge, labelValues ...string) (Recorder[int64], error)
	BindFloat64Gauge(m schema.Float64Gauge, labelValues ...string) (Recorder[float64], error)
	BindHistogram(m schema.Histogram, labelValues ...string) (Recorder[float64], error)
}

// An Adder is a bound counter.
type Adder[N int64 | float64] interface {
	// Add adds a non-negative increment.
	Add(increment N)
}

// A Recorder is a bound gauge or histogram.
type Recorder[N int64 | float64] interface {
	// Record sets a gauge, or adds a sample to a histogram.
	Record(value N)
}
