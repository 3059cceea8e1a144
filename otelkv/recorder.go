package otelkv

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/schema"
)

// A Recorder keeps the series of a catalogue's metrics and emits them through a
// MeterProvider. It starts no goroutine. All methods are safe for concurrent
// use.
type Recorder struct {
	config  config
	made    time.Time
	metrics []*instrumented          // in the catalogue's order
	byName  map[string]*instrumented // under both names
	info    *instrumented            // the metric that a payload's info fills, or nil

	refused  atomic.Int64
	payloads atomic.Int64
	rejected rejections
	ignored  ignored
	folded   atomic.Int64
	series   atomic.Int64

	// Where several locks are needed, an engine's infoMu is taken first, then
	// collecting, then an engine's mu, and then mu. An engine that nobody else has
	// yet does not count.
	mu      sync.RWMutex
	closed  atomic.Bool
	engines map[int]*Engine
	scopes  []*Engine // engines and their connectors; replaced, never changed

	// collecting is held while a reader collects, or is told what to observe, and
	// while series are removed. It guards what only these use.
	collecting sync.Mutex
	readers    []*reader
	departures departures // on a pipeline of ours
	lingering  lingering  // on any other provider

	callbacks callbacks

	unregister []func() error
	self       *selfMetrics // nil unless asked for
}

// An instrumented metric is a definition in one recorder.
type instrumented struct {
	kind
	recorder   *Recorder
	definition schema.Definition
	ordinal    int
	mirrors    []mirrorTarget
	series     atomic.Int64 // over all engines

	// The instruments of a foreign provider.
	observable metric.Observable
	histogram  metric.Float64Histogram
}

// A mirrorTarget is a metric that repeats another's series.
type mirrorTarget struct {
	metric      *instrumented
	labelValues []string // nil for those of the repeated series
}

// New returns a recorder of the catalogue's metrics. Call [Recorder.Close] to
// end what it registered with the MeterProvider.
//
// It returns every problem at once: a label of the options with a name or
// value that is illegal ([ErrLabelName], [ErrLabelValues]) or with the name of
// another ([ErrLabelTwice]), also of one that a definition declares, and what the
// provider said of an instrument.
func New(catalogue *schema.Catalogue, options ...Option) (*Recorder, error) {
	if catalogue == nil {
		return nil, errors.New("otelkv: a recorder needs a catalogue")
	}
	c := newConfig(options)
	r, err := newRecorder(catalogue, c)
	if err == nil && c.selfMetrics {
		r.self, err = newSelfMetrics(r)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, err
}

func newRecorder(catalogue *schema.Catalogue, c config) (*Recorder, error) {
	if err := c.check(catalogue); err != nil {
		return nil, err
	}
	r := &Recorder{
		config:  c,
		made:    c.now(),
		byName:  make(map[string]*instrumented, 2*catalogue.Len()),
		engines: make(map[int]*Engine),
	}
	for d := range catalogue.All() {
		m := &instrumented{kind: kindOf(d), recorder: r, definition: d, ordinal: len(r.metrics)}
		r.metrics = append(r.metrics, m)
		r.byName[d.PrometheusName], r.byName[d.Name] = m, m
		if d.FromInfo && r.info == nil {
			r.info = m
		}
	}
	for _, m := range r.metrics {
		for _, mirror := range m.definition.Mirrors {
			repeated := r.byName[mirror.Of]
			repeated.mirrors = append(repeated.mirrors, mirrorTarget{metric: m, labelValues: mirror.LabelValues})
		}
	}
	if err := r.register(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close ends what New registered: nothing of this recorder is exported any more.
// What was recorded since the last collection is lost unless the provider is
// flushed first. Bound series go on recording to nowhere. Histograms on a provider
// that is not a pipeline of package exporters stay as they are, unless its
// instruments can finish series.
func (r *Recorder) Close() error {
	r.mu.Lock()
	unregister := r.unregister
	r.unregister = nil
	r.closed.Store(true)
	r.mu.Unlock()
	for _, e := range r.snapshot() {
		for _, m := range r.metrics {
			for _, s := range e.ordered(m) {
				s.finish()
			}
		}
	}
	errs := []error{r.self.close()}
	for _, f := range unregister {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// AddEngine declares a serving engine: its index, and the model name that its
// series carry. The index is the value of the label "engine", in decimal. The
// metrics that start at zero exist from here on.
//
// The error wraps [ErrEngineExists] if an engine of the index, or one with the same
// labels, is declared already, [ErrEngineIndex], [ErrLabelValues] or [ErrClosed].
func (r *Recorder) AddEngine(index int, modelName string, options ...EngineOption) (*Engine, error) {
	if index < 0 {
		return nil, fmt.Errorf("otelkv: engine %d: %w", index, ErrEngineIndex)
	}
	c := newEngineConfig(options)
	err := errors.Join(checkLabelValue(modelName), c.check(r.metrics))
	if err != nil {
		return nil, fmt.Errorf("otelkv: engine %d: %w", index, err)
	}
	attributes := r.engineAttributes(index, modelName, c)

	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed.Load():
		return nil, fmt.Errorf("otelkv: engine %d: %w", index, ErrClosed)
	case c.source == nil && r.engines[index] != nil, r.hasEngine(index, attributes):
		return nil, fmt.Errorf("otelkv: engine %d: %w", index, ErrEngineExists)
	}
	e := newEngine(r, index, c, attributes)
	if err := r.self.addEngine(e, attributes); err != nil {
		return nil, err
	}
	e.start()
	if c.source == nil {
		r.engines[index] = e
	}
	r.scopes = append(slices.Clip(r.scopes), e)
	return e, nil
}

// engineAttributes returns the labels that every series of an engine carries.
func (r *Recorder) engineAttributes(index int, modelName string, c engineConfig) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		attribute.String(r.config.modelLabel, modelName),
		attribute.String(r.config.engineLabel, strconv.Itoa(index)),
	}
	if r.config.sourceLabel != "" {
		source := ""
		if c.source != nil {
			source = *c.source
		}
		attributes = append(attributes, attribute.String(r.config.sourceLabel, source))
	}
	return append(attributes, r.config.constants...)
}

// hasEngine reports whether an engine of the index has the same labels, so that the
// series of both would be the same. The recorder's lock is held.
func (r *Recorder) hasEngine(index int, attributes []attribute.KeyValue) bool {
	return slices.ContainsFunc(r.scopes, func(e *Engine) bool {
		return e.parent == nil && e.index == index && slices.Equal(e.attributes, attributes)
	})
}

// Engine returns the engine of the given index. The error wraps
// [ErrUnknownEngine] if none was declared.
func (r *Recorder) Engine(index int) (*Engine, error) {
	r.mu.RLock()
	e := r.engines[index]
	r.mu.RUnlock()
	if e == nil {
		return nil, fmt.Errorf("otelkv: engine %d: %w", index, ErrUnknownEngine)
	}
	return e, nil
}

// addScope makes collections see the connector scope e.
func (r *Recorder) addScope(e *Engine) {
	r.mu.Lock()
	r.scopes = append(slices.Clip(r.scopes), e)
	r.mu.Unlock()
}

// snapshot returns the scopes as they are now.
func (r *Recorder) snapshot() []*Engine {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.scopes
}

// refuse counts a number that a bound series did not take.
func (r *Recorder) refuse() { r.refused.Add(1) }
