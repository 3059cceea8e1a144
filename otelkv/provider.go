package otelkv

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/internal/preaggregated"
)

// foreign reports whether measurements leave through OpenTelemetry instruments,
// which is so on every provider but a pipeline of package exporters, unless the
// user or the pipeline wants it there too.
func (r *Recorder) foreign() bool {
	_, ours := r.config.provider.(preaggregated.Provider)
	return !ours || r.config.instruments
}

// register begins to export, by one of the two ways out.
func (r *Recorder) register() error {
	if r.foreign() {
		return r.registerInstruments()
	}
	provider := r.config.provider.(preaggregated.Provider)
	remove, err := provider.AddSource(preaggregated.Scope{Name: ScopeName, Version: Version}, r)
	if errors.Is(err, preaggregated.ErrInstruments) {
		r.config.instruments = true
		return r.registerInstruments()
	}
	if err != nil {
		return err
	}
	r.unregister = append(r.unregister, func() error { remove(); return nil })
	return nil
}

// registerInstruments makes the instruments, and one callback that hands every
// live series to each collection.
func (r *Recorder) registerInstruments() error {
	meter := r.config.provider.Meter(ScopeName, metric.WithInstrumentationVersion(Version))
	var errs []error
	var observables []metric.Observable
	for _, m := range r.metrics {
		observable, err := m.create(meter, m)
		if err != nil {
			errs = append(errs, fmt.Errorf("otelkv: metric %q: %w", m.definition.PrometheusName, err))
			continue
		}
		if observable != nil {
			m.observable = observable
			observables = append(observables, observable)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	registration, err := meter.RegisterCallback(r.callback, observables...)
	if err != nil {
		return fmt.Errorf("otelkv: meter provider: %w", err)
	}
	r.unregister = append(r.unregister, registration.Unregister)
	return nil
}

// callback reports every live series, and those that linger, to a collection of
// a foreign provider. It returns no error, because an error loses the whole
// collection, also the metrics of others.
func (r *Recorder) callback(_ context.Context, o metric.Observer) error {
	r.callbacks.run()
	for _, all := range r.reported() {
		for s := range touched(all) {
			// A value that is read after the series is shown was recorded.
			if s.observable() && s.shown() {
				s.metric.observe(s, observation{observer: o, series: s})
			}
		}
	}
	return nil
}

// reported returns the series that a collection of a foreign provider reports.
// No removal comes between, so that a series is neither missed nor there twice.
func (r *Recorder) reported() [][]*series {
	r.collecting.Lock()
	defer r.collecting.Unlock()
	scopes := r.snapshot()
	all := make([][]*series, 0, len(scopes)*len(r.metrics)+1)
	for _, e := range scopes {
		for _, m := range r.metrics {
			all = append(all, e.ordered(m))
		}
	}
	return r.lingering.settle(all, r.config.now())
}

// An observation reports one series to a collection of a foreign provider.
type observation struct {
	observer metric.Observer
	series   *series
}

// each calls observe for the metric and the options of every name under which the
// series is to be reported.
func (o observation) each(observe func(*instrumented, []metric.ObserveOption)) {
	options := o.series.instruments.options
	live := o.series.live.Load()
	if live {
		observe(o.series.metric, options[:1])
	}
	if live || o.series.mirrored.Load() {
		for i, mirror := range o.series.metric.mirrors {
			observe(mirror.metric, options[i+1:i+2])
		}
	}
}

func (o observation) int64(value int64) {
	o.each(func(m *instrumented, options []metric.ObserveOption) {
		o.observer.ObserveInt64(m.observable.(metric.Int64Observable), value, options...)
	})
}

func (o observation) float64(value float64) {
	o.each(func(m *instrumented, options []metric.ObserveOption) {
		o.observer.ObserveFloat64(m.observable.(metric.Float64Observable), value, options...)
	})
}

// ordered returns the engine's series of a metric as they are now.
func (e *Engine) ordered(m *instrumented) []*series {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.metrics[m.ordinal].ordered
}
