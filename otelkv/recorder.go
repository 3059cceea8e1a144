// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/schema"
)

// A Recorder keeps the series of a catalogue's metrics. It exports nothing by itself: use
// a producer for each reader of the OpenTelemetry SDK ([Recorder.Producer]), a Prometheus
// collector (package exporters/prometheus), or the instruments of any other meter
// provider ([Recorder.RegisterInstruments]). It starts no goroutine, except to run the
// callbacks of [Recorder.RegisterCallback] during a collection. All methods are safe for
// concurrent use.
type Recorder struct {
	config  config
	made    time.Time
	metrics []*recorderMetric          // in the catalogue's order
	byName  map[string]*recorderMetric // under all names
	info    *recorderMetric            // the metric that a payload's info fills, or nil

	schemaURL string // of the catalogue

	refused  atomic.Int64
	payloads atomic.Int64
	folded   atomic.Int64
	series   atomic.Int64
	failures atomic.Int64 // of exports
	dropped  atomic.Int64 // removed series that were not reported
	departed atomic.Bool  // removed series may still have to be reported

	countsMu sync.Mutex // guards rejected and ignored
	rejected map[error]int64
	ignored  map[string]int64

	// The order of locks is: an engine's infoMu, collecting, an engine's mu, mu.
	mu            sync.RWMutex
	closed        atomic.Bool
	engines       map[int]*Engine // those without a source, by index
	scopes        []*Engine       // engines and their connectors; replaced, never changed
	registrations []*registration // replaced, never changed
	callbacks     []*callback     // replaced, never changed

	// collecting is held while a reader collects or observes, and while series are
	// removed. It guards what only these use.
	collecting sync.Mutex
	producers  []weak.Pointer[Producer] // by their slots

	unbound *series // see newUnbound
	self    *Engine // of the self-metrics that belong to no engine; nil without [WithSelfMetrics]
}

// New returns a recorder of the catalogue's metrics.
//
// The error reports every problem at once: a label whose name or value is illegal, and
// two labels with one name.
func New(catalogue *schema.Catalogue, options ...Option) (*Recorder, error) {
	if catalogue == nil {
		return nil, errors.New("otelkv: a recorder needs a catalogue")
	}
	c := newConfig(options)
	r, err := newRecorder(catalogue, c)
	if err == nil && c.selfMetrics {
		r.self, err = newSelfMetrics(r)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func newRecorder(catalogue *schema.Catalogue, c config) (*Recorder, error) {
	if err := c.check(catalogue); err != nil {
		return nil, err
	}
	r := &Recorder{
		config:    c,
		made:      c.now(),
		byName:    make(map[string]*recorderMetric, 2*catalogue.Len()),
		rejected:  make(map[error]int64),
		ignored:   make(map[string]int64),
		engines:   make(map[int]*Engine),
		schemaURL: catalogue.SchemaURL(),
	}
	r.unbound = newUnbound(r)
	for d := range catalogue.All() {
		m := &recorderMetric{recorder: r, definition: d, ordinal: len(r.metrics), traceBased: c.traceBased}
		m.kind, m.instrument = kindOf(d)
		if len(d.Boundaries) > 0 {
			m.table = newBucketTable(d.Boundaries)
		}
		r.metrics = append(r.metrics, m)
		r.byName[d.PayloadName()], r.byName[d.PrometheusName], r.byName[d.Name] = m, m, m
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
	return r, nil
}

// Close runs the callbacks a last time, and then removes every engine ([Engine.Remove]).
// Each reader therefore reports their series once more, whether it collects, is flushed
// or shuts down later. The recorder takes no more engines. The error is always nil. Close
// may be called more than once.
func (r *Recorder) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.runCallbacks(context.Background())
	r.mu.Lock()
	r.callbacks = nil
	r.mu.Unlock()
	for _, e := range r.snapshot() {
		e.Remove()
	}
	if r.self != nil {
		return r.self.recorder.Close()
	}
	return nil
}

// ConstantLabels returns the labels of [WithConstantLabels].
func (r *Recorder) ConstantLabels() []attribute.KeyValue { return slices.Clone(r.config.constants) }

// CountExportFailure counts one export that failed, for [WithSelfMetrics] and
// [Recorder.Statistics]. The pipelines of package exporters call it.
func (r *Recorder) CountExportFailure() { r.failures.Add(1) }

// AddEngine declares a serving engine: its index, and the model name that its series
// carry. The index is the value of the label "engine", in decimal. The metrics that start
// at zero exist from here on.
//
// The error wraps [ErrEngineExists] if an engine with the index or with the same labels
// exists, and [ErrLabelValues] if a name cannot be a label value. A negative index and a
// closed recorder are errors too.
func (r *Recorder) AddEngine(index int, modelName string, options ...EngineOption) (*Engine, error) {
	e, err := r.addEngine(index, modelName, newEngineConfig(options))
	if err != nil {
		return nil, fmt.Errorf("otelkv: engine %d: %w", index, err)
	}
	return e, nil
}

func (r *Recorder) addEngine(index int, modelName string, c engineConfig) (*Engine, error) {
	if index < 0 {
		return nil, errors.New("expected an index that is not negative")
	}
	if err := errors.Join(checkLabelValue(modelName), c.check(r.metrics)); err != nil {
		return nil, err
	}
	e := newEngine(r, index, c, r.engineAttributes(index, modelName, c))
	if r.self != nil {
		e.self = newEngine(r.self.recorder, index, newEngineConfig(nil), e.attributes)
		e.self.recorder.addScope(e.self) // before it has series, see declare
	}
	if err := r.declare(e); err != nil {
		if e.self != nil {
			e.self.Remove()
		}
		return nil, err
	}
	e.start()
	return e, nil
}

// engineAttributes returns the labels that every series of an engine carries.
func (r *Recorder) engineAttributes(index int, modelName string, c engineConfig) []attribute.KeyValue {
	var attributes []attribute.KeyValue
	add := func(label, value string) {
		if label != "" {
			attributes = append(attributes, attribute.String(label, value))
		}
	}
	source := ""
	if c.source != nil {
		source = *c.source
	}
	add(r.config.labels.Model, modelName)
	add(r.config.labels.Engine, strconv.Itoa(index))
	add(r.config.labels.Source, source)
	return append(attributes, r.config.constants...)
}

// declare makes an engine visible to collections. It reserves the engine's labels and,
// unless the engine has a source, its index. It comes before the engine's first series:
// otherwise a producer or instruments that are created meanwhile would not find a series.
func (r *Recorder) declare(e *Engine) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return errors.New("the recorder was closed")
	}
	isSame := func(other *Engine) bool {
		return slices.Equal(other.attributes, e.attributes)
	}
	if e.config.source == nil && r.engines[e.index] != nil || slices.ContainsFunc(r.scopes, isSame) {
		return ErrEngineExists
	}
	if e.config.source == nil {
		r.engines[e.index] = e
	}
	r.scopes = append(slices.Clip(r.scopes), e)
	return nil
}

// forget drops removed scopes, and frees their index and labels for another engine.
func (r *Recorder) forget(scopes []*Engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := scopes[0]; r.engines[e.index] == e {
		delete(r.engines, e.index)
	}
	r.scopes = slices.DeleteFunc(slices.Clone(r.scopes), func(scope *Engine) bool {
		return slices.Contains(scopes, scope)
	})
}

// Engine returns the engine with the given index. The error wraps [ErrUnknownEngine] if
// there is none.
func (r *Recorder) Engine(index int) (*Engine, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e := r.engines[index]
	if e == nil {
		return nil, fmt.Errorf("otelkv: engine %d: %w", index, ErrUnknownEngine)
	}
	return e, nil
}

// addScope makes the scope of a connector visible to collections.
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
