// SPDX-License-Identifier: Apache-2.0

// Package sink is where the trackers of offloading record: into a payload of
// their own, which they hand out, or straight to the series of a binder that
// they were given. A tracker binds once and then records without knowing which.
package sink

import (
	"context"
	"errors"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// A Sink binds series and hands out what its payload has gathered. It is not
// safe for concurrent use: series that fill the payload, and taking it, need
// the lock of the tracker that owns the sink.
type Sink struct {
	payload stats.Payload
	binder  stats.Binder
	errs    []error
}

// New returns a sink that binds with the given binder, or with a payload of its
// own if there is none.
func New(binder stats.Binder) *Sink {
	s := &Sink{binder: binder}
	if binder == nil {
		s.binder = s.payload.Binder()
	}
	return s
}

// TakeInto moves what the sink's own payload has gathered since it was last taken
// into dst. It reports whether there was anything, which is never with a binder.
func (s *Sink) TakeInto(dst *stats.Payload) bool { return s.payload.TakeInto(dst) }

// SetInfo gives the info of the sink's own payload.
func (s *Sink) SetInfo(info map[string]string) { s.payload.SetInfo(info) }

// Err returns every error that binding met, joined. The series that such a
// binding returned must not be used.
func (s *Sink) Err() error { return errors.Join(s.errs...) }

// Int64Counter binds one series of m.
func (s *Sink) Int64Counter(m schema.Int64Counter, labelValues ...string) stats.Adder[int64] {
	return bound(s, func() (stats.Adder[int64], error) { return s.binder.BindInt64Counter(m, labelValues...) })
}

// Float64Counter binds one series of m.
func (s *Sink) Float64Counter(m schema.Float64Counter, labelValues ...string) stats.Adder[float64] {
	return bound(s, func() (stats.Adder[float64], error) { return s.binder.BindFloat64Counter(m, labelValues...) })
}

// Int64Gauge binds one series of m.
func (s *Sink) Int64Gauge(m schema.Int64Gauge, labelValues ...string) stats.Recorder[int64] {
	return bound(s, func() (stats.Recorder[int64], error) { return s.binder.BindInt64Gauge(m, labelValues...) })
}

// Float64Gauge binds one series of m.
func (s *Sink) Float64Gauge(m schema.Float64Gauge, labelValues ...string) stats.Recorder[float64] {
	return bound(s, func() (stats.Recorder[float64], error) { return s.binder.BindFloat64Gauge(m, labelValues...) })
}

// Histogram binds one series of m.
func (s *Sink) Histogram(m schema.Histogram, labelValues ...string) stats.Recorder[float64] {
	return bound(s, func() (stats.Recorder[float64], error) { return s.binder.BindHistogram(m, labelValues...) })
}

// bound keeps the error of one binding, so that a constructor reports all of
// them at once.
func bound[S any](s *Sink, bind func() (S, error)) S {
	series, err := bind()
	if err != nil {
		s.errs = append(s.errs, withCatalogue(err))
	}
	return series
}

// Add adds to a counter. One of a recorder gets the context, for exemplars.
func Add[N int64 | float64](ctx context.Context, counter stats.Adder[N], increment N) {
	if ctx != context.Background() {
		if c, ok := counter.(interface{ AddContext(context.Context, N) }); ok {
			c.AddContext(ctx, increment)
			return
		}
	}
	counter.Add(increment)
}

// Record adds a sample to a histogram. One of a recorder gets the context, for
// exemplars.
func Record(ctx context.Context, histogram stats.Recorder[float64], sample float64) {
	if ctx != context.Background() {
		if h, ok := histogram.(interface {
			RecordContext(context.Context, float64)
		}); ok {
			h.RecordContext(ctx, sample)
			return
		}
	}
	histogram.Record(sample)
}
