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

	"github.com/otelkv/otelkv-go/schema"
)

// RegisterInstruments makes the recorder's metrics instruments of a meter provider,
// until the returned function is called. It is for providers that are not the
// OpenTelemetry SDK's, and for the global one (otel.GetMeterProvider), even if that is
// set later. For a reader of the SDK, [Recorder.Producer] is better and cheaper. Use one
// or the other: with both, every series is exported twice.
//
// Counters and gauges are observable instruments, and histograms synchronous ones.
// If the provider's instruments can be bound (package
// go.opentelemetry.io/otel/metric/x), counters are synchronous and bound, too. What
// is coarser than with a producer:
//   - A histogram sample costs what the provider takes for it, and a histogram has
//     the samples from the registration on. It does not show before its first one.
//   - Start times are the provider's.
//   - The provider's readers are not known, so that removed series are reported for
//     a time, [DefaultRemovalDelay] or that of [WithRemovalDelay], which has to be
//     longer than any reader's interval. A counter that comes back within as long
//     again is silent until then, because a reader of deltas would see its total
//     go down.
//   - The provider's cardinality limit comes before the recorder's.
//
// The only option is [WithRemovalDelay]. The error is the provider's, of an
// instrument. The returned function may be called more than once.
func (r *Recorder) RegisterInstruments(provider metric.MeterProvider, options ...ExportOption) (unregister func() error, err error) {
	c := newExportConfig(options, DefaultRemovalDelay)
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

// A registration is what one call of RegisterInstruments made.
type registration struct {
	recorder    *Recorder
	instruments []instrument // by the metric's ordinal
	departures  departures
	registered  metric.Registration
}

// An instrument is one metric's. One field is set.
type instrument struct {
	observable     metric.Observable
	int64Counter   metric.Int64Counter
	float64Counter metric.Float64Counter
	histogram      metric.Float64Histogram
}

// The extensions of synchronous instruments that are used where an instrument has
// them, as go.opentelemetry.io/otel/metric/x declares them. Its releases are not
// stable yet, and so nothing of it is imported.
type (
	// binder binds an instrument to attributes ahead of time.
	binder[I any] interface {
		Bind(attributes ...attribute.KeyValue) I
	}
	// finisher ends a series.
	finisher interface {
		Finish(ctx context.Context, attributes ...attribute.KeyValue)
	}
)

func (r *Recorder) registerInstruments(provider metric.MeterProvider, c exportConfig) (*registration, error) {
	meter := provider.Meter(ScopeName, metric.WithInstrumentationVersion(Version()), metric.WithSchemaURL(r.schemaURL))
	g := &registration{
		recorder:    r,
		instruments: make([]instrument, len(r.metrics)),
		departures:  departures{delay: c.removalDelay, silent: c.removalDelay},
	}
	bindable := false
	var errs []error
	create := func(m *recorderMetric) {
		i, err := m.create(meter, m, bindable)
		if err != nil {
			errs = append(errs, fmt.Errorf("otelkv: metric %q: %w", m.definition.PrometheusName, err))
			return
		}
		g.instruments[m.ordinal] = i
		if _, ok := i.histogram.(binder[metric.Float64Histogram]); ok {
			bindable = true
		}
	}
	// A histogram is synchronous in any case, and tells what counters can be.
	for _, histograms := range []bool{true, false} {
		for _, m := range r.metrics {
			if histograms == (m.definition.Kind() == schema.KindHistogram) {
				create(m)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var observables []metric.Observable
	for _, i := range g.instruments {
		if i.observable != nil {
			observables = append(observables, i.observable)
		}
	}
	g.attach()
	registered, err := meter.RegisterCallback(g.callback, observables...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("otelkv: meter provider: %w", err), g.unregister())
	}
	g.registered = registered
	return g, nil
}

// attach gives every series its instruments, those that are there and those to
// come.
func (g *registration) attach() {
	r := g.recorder
	r.collecting.Lock()
	defer r.collecting.Unlock()
	r.mu.Lock()
	r.registrations = append(slices.Clip(r.registrations), g)
	r.mu.Unlock()
	for _, e := range r.snapshot() {
		e.mu.Lock()
		for _, set := range e.metrics {
			for _, s := range set.ordered {
				g.instrument(s)
			}
		}
		e.mu.Unlock()
	}
}

// unregister ends the registration. What of it is still under way goes on.
func (g *registration) unregister() error {
	r := g.recorder
	r.collecting.Lock()
	r.mu.Lock()
	r.registrations = slices.DeleteFunc(slices.Clone(r.registrations), func(other *registration) bool { return other == g })
	r.mu.Unlock()
	r.countDeparted()
	r.collecting.Unlock()
	for _, e := range r.snapshot() {
		for _, m := range r.metrics {
			e.mu.Lock()
			for _, s := range e.metrics[m.ordinal].ordered {
				s.detach(g)
			}
			e.mu.Unlock()
		}
	}
	if g.registered == nil {
		return nil
	}
	return g.registered.Unregister()
}

// instrument gives a series its part in every registration. The engine's lock is
// held.
func (r *Recorder) instrument(s *series) {
	r.mu.RLock()
	registrations := r.registrations
	r.mu.RUnlock()
	for _, g := range registrations {
		g.instrument(s)
	}
}

// An instrumentSeries is a series' part in a registration.
type instrumentSeries struct {
	registration *registration
	series       *series
	// Of an observable instrument: the options of the series, then of its mirrors.
	options []metric.ObserveOption
	// Of synchronous ones, likewise, bound where that can be.
	int64Counters   []metric.Int64Counter
	float64Counters []metric.Float64Counter
	histograms      []func(ctx context.Context, sample float64)
	told            atomic.Uint64 // of the counter's total, as the series' bits
	finished        atomic.Bool   // that nothing more is to be recorded
}

// instrument gives a series its part in g, unless it has one that is not finished.
// The engine's lock is held.
func (g *registration) instrument(s *series) {
	i := &instrumentSeries{registration: g, series: s}
	i.add(s.metric, s.attributes)
	for n, mirror := range s.metric.mirrors {
		i.add(mirror.metric, s.mirrors[n])
	}
	var all []*instrumentSeries
	if before := s.instruments.Load(); before != nil {
		for _, other := range *before {
			switch {
			case other.registration != g:
				all = append(all, other)
			case !other.finished.Load():
				return
			default:
				i.told.Store(other.told.Load())
			}
		}
	}
	all = append(all, i)
	s.instruments.Store(&all)
	s.state.set(withInstruments)
	if s.shown() {
		i.catchUp()
	}
}

// add prepares the instrument of one of the series' names.
func (i *instrumentSeries) add(m *recorderMetric, attributes attribute.Set) {
	switch n := i.registration.instruments[m.ordinal]; {
	case n.observable != nil:
		i.options = append(i.options, metric.WithAttributeSet(attributes))
	case n.int64Counter != nil:
		i.int64Counters = append(i.int64Counters, bind(n.int64Counter, attributes))
	case n.float64Counter != nil:
		i.float64Counters = append(i.float64Counters, bind(n.float64Counter, attributes))
	case n.histogram != nil:
		bound, isBound := n.histogram.(binder[metric.Float64Histogram])
		if !isBound {
			options := []metric.RecordOption{metric.WithAttributeSet(attributes)}
			i.histograms = append(i.histograms, func(ctx context.Context, sample float64) { n.histogram.Record(ctx, sample, options...) })
			return
		}
		histogram := bound.Bind(attributes.ToSlice()...)
		i.histograms = append(i.histograms, func(ctx context.Context, sample float64) { histogram.Record(ctx, sample) })
	}
}

func bind[I any](instrument I, attributes attribute.Set) I {
	if b, ok := any(instrument).(binder[I]); ok {
		return b.Bind(attributes.ToSlice()...)
	}
	return instrument
}

// detach takes the series' part in g away.
func (s *series) detach(g *registration) {
	before := s.instruments.Load()
	if before == nil {
		return
	}
	var all []*instrumentSeries
	for _, i := range *before {
		if i.registration == g {
			i.finished.Store(true)
		} else {
			all = append(all, i)
		}
	}
	if all == nil {
		s.instruments.Store(nil)
		s.state.clear(withInstruments)
		return
	}
	s.instruments.Store(&all)
}

func (i *instrumentSeries) record(ctx context.Context, sample float64) {
	if i.finished.Load() {
		return
	}
	for _, record := range i.histograms {
		record(ctx, sample)
	}
}

// addToInstruments tells bound counters what was added.
func (s *series) addToInstruments(all []*instrumentSeries) {
	for _, i := range all {
		i.catchUp()
	}
}

// catchUp adds to bound counters what the series has and they have not. Whoever
// added to the series calls it afterwards, and who made the counters did, so that
// each addition is told once whoever comes first.
func (i *instrumentSeries) catchUp() {
	if len(i.int64Counters)+len(i.float64Counters) == 0 || i.finished.Load() {
		return
	}
	ctx := context.Background()
	for {
		told, bits := i.told.Load(), i.series.bits.Load()
		if !i.told.CompareAndSwap(told, bits) {
			continue
		}
		for _, c := range i.int64Counters {
			c.Add(ctx, max(0, int64(bits)-int64(told))) //nolint:gosec // The bits of an int64.
		}
		for _, c := range i.float64Counters {
			c.Add(ctx, max(0, math.Float64frombits(bits)-math.Float64frombits(told)))
		}
		return
	}
}

// finish ends the series of synchronous instruments that can end one, and keeps the
// series from beginning them again.
func (s *series) finish() {
	all := s.instruments.Load()
	if all == nil {
		return
	}
	for _, i := range *all {
		if i.options != nil {
			continue
		}
		i.finished.Store(true)
		i.registration.instruments[s.metric.ordinal].finish(s.attributes)
		for n, mirror := range s.metric.mirrors {
			i.registration.instruments[mirror.metric.ordinal].finish(s.mirrors[n])
		}
	}
}

func (i instrument) finish(attributes attribute.Set) {
	for _, one := range []any{i.int64Counter, i.float64Counter, i.histogram} {
		if f, ok := one.(finisher); ok {
			f.Finish(context.Background(), attributes.ToSlice()...)
		}
	}
}

// callback reports every live series, and those that departed, to a collection of
// the provider. It returns no error, because an error loses the whole collection,
// also the metrics of others.
func (g *registration) callback(ctx context.Context, o metric.Observer) error {
	g.recorder.callbacks.run(ctx)
	for _, s := range g.reported() {
		// A value that is read after the series is shown was recorded.
		if !s.shown() {
			continue
		}
		all := s.instruments.Load()
		if all == nil {
			continue
		}
		for _, i := range *all {
			if i.registration != g {
				continue
			}
			if i.options != nil {
				s.metric.observe(s, observation{observer: o, part: i})
			}
		}
	}
	return nil
}

// reported returns the series that a collection reports. No removal comes between,
// so that a series is neither missed nor there twice.
func (g *registration) reported() []*series {
	r := g.recorder
	r.collecting.Lock()
	defer r.collecting.Unlock()
	now := r.config.now()
	var all []*series
	for _, e := range r.snapshot() {
		for _, m := range r.metrics {
			if g.instruments[m.ordinal].observable == nil {
				continue
			}
			for s := range prefetch(e.ordered(m)) {
				if g.departures.admits(s, now) {
					all = append(all, s)
				}
			}
		}
	}
	all = append(all, g.departures.take(now)...)
	r.countDeparted()
	return all
}

// An observation reports one series to a collection of a registration.
type observation struct {
	observer metric.Observer
	part     *instrumentSeries
}

// each calls observe for the instrument and the options of every name under which
// the series is to be reported.
func (o observation) each(observe func(metric.Observable, []metric.ObserveOption)) {
	s, instruments := o.part.series, o.part.registration.instruments
	if s.isLive() {
		observe(instruments[s.metric.ordinal].observable, o.part.options[:1])
	}
	for i, mirror := range s.metric.mirrors {
		observe(instruments[mirror.metric.ordinal].observable, o.part.options[i+1:i+2])
	}
}

func (o observation) int64(value int64) {
	o.each(func(i metric.Observable, options []metric.ObserveOption) {
		o.observer.ObserveInt64(i.(metric.Int64Observable), value, options...)
	})
}

func (o observation) float64(value float64) {
	o.each(func(i metric.Observable, options []metric.ObserveOption) {
		o.observer.ObserveFloat64(i.(metric.Float64Observable), value, options...)
	})
}
