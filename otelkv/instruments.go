// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// RegisterInstruments creates an instrument of a meter provider for each of the
// recorder's metrics, until the returned function is called. It is for providers that are
// not the OpenTelemetry SDK's, and for the global one (otel.GetMeterProvider), even if
// that is set later. For a reader of the SDK, [Recorder.Producer] is better and cheaper.
// Use one or the other: with both, every series is exported twice.
//
// Counters and gauges are observable instruments, and histograms are synchronous ones. If
// the provider's instruments can be bound (package go.opentelemetry.io/otel/metric/x),
// counters are synchronous too, and both are bound. Some things are coarser than with a
// producer:
//   - A histogram sample costs what the provider takes for it. A histogram has the samples
//     from the registration on, and appears with its first one.
//   - Start times are the provider's.
//   - The provider's readers are not known. Removed series are therefore reported for a
//     time: two minutes, or that of [WithRemovalDelay]. It must be longer than the
//     interval of every reader. If a removed counter comes back after that time and
//     before as long again has passed, it is not reported until then: a reader of deltas
//     would see its total go down.
//   - The provider's cardinality limit acts before the recorder's.
//
// The only option is [WithRemovalDelay]. The error is the provider's, of an instrument.
// The returned function may be called more than once.
func (r *Recorder) RegisterInstruments(provider metric.MeterProvider, options ...ExportOption) (unregister func() error, err error) {
	c := newExportConfig(options, instrumentRemovalDelay)
	if provider == nil {
		return nil, errors.New("otelkv: instruments need a meter provider")
	}
	if err := c.checkInstruments(); err != nil {
		return nil, err
	}
	g, err := r.registerInstruments(provider, c)
	if err != nil {
		return nil, err
	}
	if r.self == nil {
		return g.unregister, nil
	}
	self, err := r.self.recorder.registerInstruments(provider, c)
	if err != nil {
		return nil, errors.Join(err, g.unregister())
	}
	return func() error { return errors.Join(g.unregister(), self.unregister()) }, nil
}

// A registration is what one call of RegisterInstruments created.
type registration struct {
	recorder    *Recorder
	instruments []any // by the metric's ordinal; see kind.create
	departures  departures
	registered  metric.Registration
}

// The extensions of synchronous instruments that are used if an instrument has them, as
// go.opentelemetry.io/otel/metric/x declares them. That module is not stable yet, so
// nothing of it is imported.
type (
	// A binder binds an instrument to attributes.
	binder[I any] interface {
		Bind(attributes ...attribute.KeyValue) I
	}
	// A finisher ends a series.
	finisher interface {
		Finish(ctx context.Context, attributes ...attribute.KeyValue)
	}
)

func (r *Recorder) registerInstruments(provider metric.MeterProvider, c exportConfig) (*registration, error) {
	meter := provider.Meter(ScopeName, metric.WithInstrumentationVersion(Version()), metric.WithSchemaURL(r.schemaURL))
	g := &registration{
		recorder:    r,
		instruments: make([]any, len(r.metrics)),
		departures:  departures{delay: c.removalDelay, silent: c.removalDelay, series: make(map[identity]*departure)},
	}
	bindable := false
	var observables []metric.Observable
	var errs []error
	// Histograms come first, because they tell whether counters can be bound.
	for _, histograms := range []bool{true, false} {
		for i, m := range r.metrics {
			if histograms != (m.table != nil) {
				continue
			}
			created, err := m.create(meter, &m.definition, bindable)
			if err != nil {
				errs = append(errs, fmt.Errorf("otelkv: metric %q: %w", m.definition.PrometheusName, err))
			}
			g.instruments[i] = created
			if o, ok := created.(metric.Observable); ok {
				observables = append(observables, o)
			}
			if _, ok := created.(binder[metric.Float64Histogram]); ok {
				bindable = true
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	registered, err := meter.RegisterCallback(g.callback, observables...)
	if err != nil {
		return nil, fmt.Errorf("otelkv: meter provider: %w", err)
	}
	g.registered = registered
	g.attach()
	return g, nil
}

// attach gives every series its instruments: those that exist, and each new one.
func (g *registration) attach() {
	r := g.recorder
	r.collecting.Lock()
	defer r.collecting.Unlock()
	r.mu.Lock()
	r.registrations = append(slices.Clip(r.registrations), g)
	r.mu.Unlock()
	r.eachSeriesLocked(g.instrument)
}

// unregister ends the registration. A collection or sample in progress may still finish.
func (g *registration) unregister() error {
	r := g.recorder
	r.collecting.Lock()
	r.mu.Lock()
	r.registrations = slices.DeleteFunc(slices.Clone(r.registrations), func(other *registration) bool { return other == g })
	r.mu.Unlock()
	r.collecting.Unlock()
	r.eachSeriesLocked(func(s *series) { s.detach(g) })
	return g.registered.Unregister()
}

// eachSeriesLocked calls f for every series, with the lock of the series' engine.
func (r *Recorder) eachSeriesLocked(f func(*series)) {
	for _, e := range r.snapshot() {
		e.mu.Lock()
		for _, set := range e.metrics {
			for _, s := range set.ordered {
				f(s)
			}
		}
		e.mu.Unlock()
	}
}

// instrument gives a series its instruments in every registration. The engine's lock is
// held.
func (r *Recorder) instrument(s *series) {
	r.mu.RLock()
	registrations := r.registrations
	r.mu.RUnlock()
	for _, g := range registrations {
		g.instrument(s)
	}
}

// An instrumentSeries is a series in a registration.
type instrumentSeries struct {
	registration *registration
	series       *series
	// One of these has an entry for the series, and then one for each of its mirrors.
	options    []metric.ObserveOption                      // of an observable instrument
	counters   []func(added, total uint64)                 // add what came in between
	histograms []func(ctx context.Context, sample float64) // record a sample
	added      atomic.Uint64                               // the part of the total that the counters have, as the series' bits
	finished   atomic.Bool                                 // nothing more is to be recorded
}

// instrument gives a series its instruments in g, unless it has some that are not
// finished. The engine's lock is held.
func (g *registration) instrument(s *series) {
	i := &instrumentSeries{registration: g, series: s}
	i.add(s.metric, s.attributes)
	for n, mirror := range s.metric.mirrors {
		i.add(mirror.metric, s.mirrors[n])
	}
	var all []*instrumentSeries
	for _, other := range s.inRegistrations() {
		switch {
		case other.registration != g:
			all = append(all, other)
		case !other.finished.Load():
			return
		default:
			i.added.Store(other.added.Load())
		}
	}
	all = append(all, i)
	s.instruments.Store(&all)
	if i.options == nil {
		s.state.set(withInstruments)
	}
	if s.shown() {
		i.catchUp()
	}
}

// add prepares the instrument of one of the series' names.
func (i *instrumentSeries) add(m *recorderMetric, attributes attribute.Set) {
	ctx := context.Background()
	instrument := i.registration.instruments[m.ordinal]
	if m.table != nil {
		// An instrument of the SDK is a counter and a histogram by its methods.
		var options []metric.RecordOption
		bound, ok := bind(instrument.(metric.Float64Histogram), attributes)
		if !ok {
			options = append(options, metric.WithAttributeSet(attributes))
		}
		i.histograms = append(i.histograms, func(ctx context.Context, sample float64) { bound.Record(ctx, sample, options...) })
		return
	}
	switch instrument := instrument.(type) {
	case metric.Int64Counter:
		bound, _ := bind(instrument, attributes)
		i.counters = append(i.counters, func(added, total uint64) {
			bound.Add(ctx, max(0, int64(total)-int64(added))) //nolint:gosec // The bits of an int64.
		})
	case metric.Float64Counter:
		bound, _ := bind(instrument, attributes)
		i.counters = append(i.counters, func(added, total uint64) {
			bound.Add(ctx, max(0, math.Float64frombits(total)-math.Float64frombits(added)))
		})
	default:
		i.options = append(i.options, metric.WithAttributeSet(attributes))
	}
}

// bind returns the instrument bound to attributes, or itself if it cannot be bound.
func bind[I any](instrument I, attributes attribute.Set) (bound I, ok bool) {
	if b, ok := any(instrument).(binder[I]); ok {
		return b.Bind(attributes.ToSlice()...), true
	}
	return instrument, false
}

// detach removes the series' instruments in g.
func (s *series) detach(g *registration) {
	all := slices.DeleteFunc(slices.Clone(s.inRegistrations()), func(i *instrumentSeries) bool { return i.registration == g })
	s.instruments.Store(&all)
	if len(all) == 0 {
		s.state.clear(withInstruments)
	}
}

// inRegistrations returns the series' instruments.
func (s *series) inRegistrations() []*instrumentSeries {
	if all := s.instruments.Load(); all != nil {
		return *all
	}
	return nil
}

// catchUp adds to bound counters what the series has and they do not have. It is called
// after each addition to the series, and after the counters were created, so every
// addition arrives once.
func (i *instrumentSeries) catchUp() {
	for i.counters != nil && !i.finished.Load() {
		added, total := i.added.Load(), i.series.bits.Load()
		if i.added.CompareAndSwap(added, total) {
			for _, add := range i.counters {
				add(added, total)
			}
			return
		}
	}
}

// finish ends the series of the synchronous instruments that can end one, and keeps
// further measurements from starting it again.
func (s *series) finish() {
	for _, i := range s.inRegistrations() {
		if i.options != nil {
			continue
		}
		i.finished.Store(true)
		end := func(m *recorderMetric, attributes attribute.Set) {
			if f, ok := i.registration.instruments[m.ordinal].(finisher); ok {
				f.Finish(context.Background(), attributes.ToSlice()...)
			}
		}
		end(s.metric, s.attributes)
		for n, mirror := range s.metric.mirrors {
			end(mirror.metric, s.mirrors[n])
		}
	}
}

// callback reports every live series, and each that was removed, to a collection of the
// provider. It returns no error, because with an error the provider would lose the whole
// collection, with the metrics of others.
func (g *registration) callback(ctx context.Context, o metric.Observer) error {
	g.recorder.runCallbacks(ctx)
	for _, s := range g.reported() {
		// The value is read after this, so a shown series has a recorded value.
		if !s.shown() {
			continue
		}
		for _, i := range s.inRegistrations() {
			if i.registration == g && i.options != nil {
				i.observe(o)
			}
		}
	}
	return nil
}

// reported returns the series that a collection reports. Removals wait for it, so it
// neither misses a series nor returns one twice.
func (g *registration) reported() []*series {
	r := g.recorder
	r.collecting.Lock()
	defer r.collecting.Unlock()
	now := r.config.now()
	var all []*series
	for _, e := range r.snapshot() {
		for _, m := range r.metrics {
			if _, ok := g.instruments[m.ordinal].(metric.Observable); !ok {
				continue
			}
			for s := range prefetch(e.ordered(m)) {
				if g.departures.admits(s, now) {
					all = append(all, s)
				}
			}
		}
	}
	return append(all, r.takeDeparted(&g.departures, now)...)
}

// observe reports the series to a collection, under all its names.
func (i *instrumentSeries) observe(o metric.Observer) {
	s, instruments, bits := i.series, i.registration.instruments, i.series.bits.Load()
	if s.isLive() {
		s.metric.observe(o, instruments[s.metric.ordinal], bits, i.options[:1])
	}
	for n, mirror := range s.metric.mirrors {
		mirror.metric.observe(o, instruments[mirror.metric.ordinal], bits, i.options[n+1:n+2])
	}
}
