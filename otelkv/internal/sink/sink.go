// SPDX-License-Identifier: Apache-2.0

// Package sink is where the trackers record to: a payload of their own, which they hand
// out, or the series of a binder that they were given. A tracker binds once, and then
// records without knowing which.
package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A Config is what the options of a tracker set.
type Config struct {
	Binder stats.Binder
	Clock  func() time.Time
	// MaxRequests bounds the requests that a tracker remembers.
	MaxRequests int
}

// NewConfig returns the defaults, changed by the options.
func NewConfig[O ~func(*Config)](opts []O) Config {
	c := Config{MaxRequests: 65_536}
	for _, o := range opts {
		o(&c)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// A Sink binds series. It is not safe for concurrent use.
type Sink struct {
	payload stats.Payload
	binder  stats.Binder
	errs    []error
}

// New returns a sink that binds with the given binder, or with a payload of its own if
// the binder is nil.
func New(binder stats.Binder) *Sink {
	s := &Sink{binder: binder}
	if binder == nil {
		s.binder = &s.payload
	}
	return s
}

// SetInfo sets the info of the sink's own payload.
func (s *Sink) SetInfo(info map[string]string) { s.payload.SetInfo(info) }

// Err returns every error of a binding, joined. The series of such a binding must not be
// used.
func (s *Sink) Err() error { return errors.Join(s.errs...) }

// Int64Counter binds one series of m.
func (s *Sink) Int64Counter(m schema.Int64Counter, labelValues ...string) stats.Adder[int64] {
	return bind[stats.Adder[int64]](s, m.Definition(), labelValues)
}

// Float64Counter binds one series of m.
func (s *Sink) Float64Counter(m schema.Float64Counter, labelValues ...string) stats.Adder[float64] {
	return bind[stats.Adder[float64]](s, m.Definition(), labelValues)
}

// Int64Gauge binds one series of m.
func (s *Sink) Int64Gauge(m schema.Int64Gauge, labelValues ...string) stats.Recorder[int64] {
	return bind[stats.Recorder[int64]](s, m.Definition(), labelValues)
}

// Float64Gauge binds one series of m.
func (s *Sink) Float64Gauge(m schema.Float64Gauge, labelValues ...string) stats.Recorder[float64] {
	return bind[stats.Recorder[float64]](s, m.Definition(), labelValues)
}

// Histogram binds one series of m.
func (s *Sink) Histogram(m schema.Histogram, labelValues ...string) stats.Recorder[float64] {
	return bind[stats.Recorder[float64]](s, m.Definition(), labelValues)
}

// bind binds a series. It keeps the error, so that a constructor reports all errors at
// once.
func bind[S any](s *Sink, d schema.Definition, labelValues []string) (series S) {
	bound, err := s.binder.Bind(d, labelValues...)
	if err != nil {
		s.errs = append(s.errs, withCatalogue(err))
		return series
	}
	series, ok := bound.(S)
	if !ok {
		s.errs = append(s.errs, fmt.Errorf("otelkv: metric %q: the binder returned a %T for a %s of %s", d.PrometheusName, bound, d.Kind(), d.Number()))
	}
	return series
}

// withCatalogue adds to the error of a catalogue that lacks a metric which of vLLM's
// catalogues have it.
func withCatalogue(err error) error {
	var entry *stats.EntryError
	if !errors.As(err, &entry) || !errors.Is(err, schema.ErrUnknownMetric) {
		return err
	}
	var have []string
	for _, spec := range []struct {
		name      string
		catalogue *schema.Catalogue
	}{
		{"vllm.CPUSpec(2)", vllm.CPUSpec(2)},
		{"vllm.TieringSpec()", vllm.TieringSpec()},
		{"vllm.SimpleCPUSpec()", vllm.SimpleCPUSpec()},
		{"vllm.SimpleCPUPoolSpec()", vllm.SimpleCPUPoolSpec()},
	} {
		if _, ok := spec.catalogue.Lookup(entry.Metric); ok {
			have = append(have, spec.name)
		}
	}
	if have == nil {
		return err
	}
	named := *entry
	named.Err = fmt.Errorf("%w: it is in %s", entry.Err, strings.Join(have, ", "))
	return &named
}

// Add adds to a counter. A counter of a recorder gets the context, for exemplars.
func Add[N int64 | float64](ctx context.Context, counter stats.Adder[N], increment N) {
	if ctx != context.Background() {
		if c, ok := counter.(interface{ AddContext(context.Context, N) }); ok {
			c.AddContext(ctx, increment)
			return
		}
	}
	counter.Add(increment)
}

// Record adds a sample to a histogram. A histogram of a recorder gets the context, for
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
