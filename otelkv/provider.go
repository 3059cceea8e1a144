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
		for _, s := range all {
			s.observe(o)
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

// observe reports the series under its own name, and under those of its mirrors.
func (s *series) observe(o metric.Observer) {
	if !s.observable() {
		return
	}
	options := s.instruments.options
	live := s.live.Load()
	if live {
		s.metric.observe(o, s.metric, s, options[0])
	}
	if live || s.mirrored.Load() {
		for i, mirror := range s.metric.mirrors {
			s.metric.observe(o, mirror.metric, s, options[i+1])
		}
	}
}

// ordered returns the engine's series of a metric as they are now.
func (e *Engine) ordered(m *instrumented) []*series {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.metrics[m.ordinal].ordered
}
