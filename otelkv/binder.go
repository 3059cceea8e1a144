// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// Binder returns the engine as a [stats.Binder], for code that records without
// knowing whether it fills a payload or a recorder, such as connector.NewSimpleCPU.
// [Engine.Trackers] gives it to the trackers that it makes.
func (e *Engine) Binder() stats.Binder { return engineBinder{e} }

type engineBinder struct{ engine *Engine }

func (b engineBinder) BindInt64Counter(m schema.Int64Counter, labelValues ...string) (stats.Adder[int64], error) {
	return b.engine.Int64Counter(m, labelValues...)
}

func (b engineBinder) BindFloat64Counter(m schema.Float64Counter, labelValues ...string) (stats.Adder[float64], error) {
	return b.engine.Float64Counter(m, labelValues...)
}

func (b engineBinder) BindInt64Gauge(m schema.Int64Gauge, labelValues ...string) (stats.Recorder[int64], error) {
	return b.engine.Int64Gauge(m, labelValues...)
}

func (b engineBinder) BindFloat64Gauge(m schema.Float64Gauge, labelValues ...string) (stats.Recorder[float64], error) {
	return b.engine.Float64Gauge(m, labelValues...)
}

func (b engineBinder) BindHistogram(m schema.Histogram, labelValues ...string) (stats.Recorder[float64], error) {
	return b.engine.Histogram(m, labelValues...)
}
