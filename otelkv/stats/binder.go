// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/otelkv/otelkv-go/schema"

// A Binder binds series by their definitions. A [Payload] is one, and so is an engine of
// the recorder. Code that knows what to count, such as a tracker, takes a Binder, and
// then fills payloads or records directly without knowing which.
type Binder interface {
	// Bind binds a series. It returns an [Adder] for a counter, and a [Recorder] for a
	// gauge or histogram, both of the definition's number. The series appears with its
	// first measurement, even if that is zero. The error names the metric, and says what
	// was expected of its label values.
	Bind(definition schema.Definition, labelValues ...string) (any, error)
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
