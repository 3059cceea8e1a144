package otelkv

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// MaxLabelLength is the length in bytes up to which a label value is taken.
const MaxLabelLength = 1024

// DefaultMedium is the medium that the deprecated trio's transfer_type names,
// unless [WithMedium] gives another: "CPU_to_GPU", "GPU_to_CPU".
const DefaultMedium = "CPU"

// An EngineOption sets one thing of an [Engine].
type EngineOption interface {
	applyEngine(*engineConfig)
}

type engineOptionFunc func(*engineConfig)

func (f engineOptionFunc) applyEngine(c *engineConfig) { f(c) }

type engineConfig struct {
	medium string
	tiers  []string
	primed bool
}

func newEngineConfig(options []EngineOption) engineConfig {
	c := engineConfig{medium: DefaultMedium}
	for _, o := range options {
		o.applyEngine(&c)
	}
	return c
}

func (c *engineConfig) check() error {
	for _, value := range append([]string{c.medium}, c.tiers...) {
		if err := checkLabelValue(value); err != nil {
			return err
		}
	}
	return nil
}

// WithMedium names the medium that mirrors say an engine offloads to, instead of
// [DefaultMedium]. Dashboards of a shared-file backend query
// "GPU_to_SHARED_STORAGE", which is the medium "SHARED_STORAGE".
func WithMedium(medium string) EngineOption {
	return engineOptionFunc(func(c *engineConfig) { c.medium = medium })
}

// An Engine is one serving engine of a recorder, or one connector of it. All
// methods are safe for concurrent use.
type Engine struct {
	recorder   *Recorder
	index      int
	config     engineConfig
	attributes []attribute.KeyValue // that every series carries
	parent     *Engine              // of a connector

	mu         sync.RWMutex
	removed    bool
	metrics    []seriesSet // by the metric's ordinal
	connectors map[string]*Engine

	info         atomic.Pointer[series] // that is reported now
	infoReported atomic.Bool            // that an info was wrong
	seen         atomic.Int64           // when the last payload was observed, in Unix nanoseconds
}

// A seriesSet is one engine's series of one metric.
type seriesSet struct {
	byLabels map[string]*series // by the tuple of label values
	ordered  []*series          // appended to; replaced on removal
}

func newEngine(r *Recorder, index int, c engineConfig, attributes []attribute.KeyValue) *Engine {
	return &Engine{
		recorder:   r,
		index:      index,
		config:     c,
		attributes: attributes,
		metrics:    make([]seriesSet, len(r.metrics)),
	}
}

// Index returns the index that the engine was declared with.
func (e *Engine) Index() int { return e.index }

// Connector returns the engine as seen by one of several connectors in its
// process. With [WithConnectorLabelName] its series carry the connector's name;
// without, they are the engine's own, and Connector returns e.
//
// Names beyond the first [MaxConnectors] share the connector [Other].
func (e *Engine) Connector(name string) *Engine {
	if e.recorder.config.connectorLabel == "" || name == "" || e.parent != nil {
		return e
	}
	e.mu.RLock()
	c := e.connectors[name]
	e.mu.RUnlock()
	if c != nil {
		return c
	}
	return e.addConnector(name)
}

// MaxConnectors is the number of connectors of one engine that are told apart.
const MaxConnectors = 64

func (e *Engine) addConnector(name string) *Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.connectors[name]; c != nil {
		return c
	}
	if len(e.connectors) >= MaxConnectors || checkLabelValue(name) != nil {
		e.recorder.folded.Add(1)
		if c := e.connectors[Other]; c != nil {
			return c
		}
		name = Other
	}
	c := newEngine(e.recorder, e.index, e.config, append(slices.Clip(e.attributes),
		attribute.String(e.recorder.config.connectorLabel, name)))
	c.parent, c.removed = e, e.removed
	if e.connectors == nil {
		e.connectors = make(map[string]*Engine)
	}
	e.connectors[name] = c
	if !c.removed {
		e.recorder.addScope(c)
	}
	return c
}

// Int64Counter binds a series of the counter m: the one whose label names take
// labelValues, in the definition's order. Binding the same series again returns
// the same one.
//
// The error is a [stats.EntryError] that wraps [ErrUnknownMetric],
// [ErrWrongKind], [ErrLabelCount], [ErrLabelValue], [ErrMirror] or [ErrRemoved].
// With it comes a counter that records nothing.
func (e *Engine) Int64Counter(m schema.Int64Counter, labelValues ...string) (Int64Counter, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Int64Counter{s}, err
}

// Float64Counter binds a series of the counter m, as [Engine.Int64Counter] does.
func (e *Engine) Float64Counter(m schema.Float64Counter, labelValues ...string) (Float64Counter, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Float64Counter{s}, err
}

// Int64Gauge binds a series of the gauge m, as [Engine.Int64Counter] does.
func (e *Engine) Int64Gauge(m schema.Int64Gauge, labelValues ...string) (Int64Gauge, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Int64Gauge{s}, err
}

// Float64Gauge binds a series of the gauge m, as [Engine.Int64Counter] does.
func (e *Engine) Float64Gauge(m schema.Float64Gauge, labelValues ...string) (Float64Gauge, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Float64Gauge{s}, err
}

// Histogram binds a series of the histogram m, as [Engine.Int64Counter] does.
func (e *Engine) Histogram(m schema.Histogram, labelValues ...string) (Histogram, error) {
	s, err := e.bind(m.Definition(), labelValues)
	return Histogram{s}, err
}

// bind returns the series of a definition and label values.
func (e *Engine) bind(d schema.Definition, labelValues []string) (*series, error) {
	m, err := e.recorder.resolve(d.PrometheusName, d.Kind())
	if err == nil && d.Number() != m.definition.Number() {
		err = fmt.Errorf("%w: it is a %s of %s, not of %s", ErrWrongKind, m.definition.Kind(), m.definition.Number(), d.Number())
	}
	var s *series
	if err == nil {
		s, err = e.resolve(m, labelValues)
	}
	if err != nil {
		return nil, &stats.EntryError{Metric: d.PrometheusName, LabelValues: slices.Clone(labelValues), Err: err}
	}
	return s, nil
}

// resolve returns the metric of the given name, if it is of the given kind and
// can be recorded to.
func (r *Recorder) resolve(name string, kind schema.Kind) (*instrumented, error) {
	m := r.byName[name]
	switch {
	case m == nil:
		return nil, ErrUnknownMetric
	case m.definition.Mirrors != nil:
		return nil, fmt.Errorf("%w: record to %s", ErrMirror, m.definition.Mirrors[0].Of)
	case m.definition.Kind() != kind:
		return nil, fmt.Errorf("%w: it is a %s, not a %s", ErrWrongKind, m.definition.Kind(), kind)
	}
	return m, nil
}

// resolve returns the engine's series of a metric and label values, and makes it
// if there is none.
func (e *Engine) resolve(m *instrumented, labelValues []string) (*series, error) {
	if len(labelValues) != len(m.definition.LabelNames) {
		return nil, fmt.Errorf("%w: expects %d labels %q, got %d",
			ErrLabelCount, len(m.definition.LabelNames), m.definition.LabelNames, len(labelValues))
	}
	e.mu.RLock()
	s := e.metrics[m.ordinal].find(labelValues)
	removed := e.removed
	e.mu.RUnlock()
	switch {
	case removed:
		return nil, ErrRemoved
	case s != nil:
		return s, nil
	}
	for i, value := range labelValues {
		if err := checkLabelValue(value); err != nil {
			return nil, fmt.Errorf("label %q: %w", m.definition.LabelNames[i], err)
		}
	}
	return e.add(m, labelValues)
}

func (set *seriesSet) find(labelValues []string) *series {
	if len(labelValues) == 1 {
		return set.byLabels[labelValues[0]]
	}
	var buffer [128]byte
	return set.byLabels[string(tuple.Append(buffer[:0], labelValues))]
}

// add makes a series, or returns the one that the label values fold into.
func (e *Engine) add(m *instrumented, labelValues []string) (*series, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.removed {
		return nil, ErrRemoved
	}
	set := &e.metrics[m.ordinal]
	if s := set.find(labelValues); s != nil {
		return s, nil
	}
	if e.full(m) {
		if kept := e.fold(m, labelValues); !slices.Equal(kept, labelValues) {
			e.recorder.folded.Add(1)
			labelValues = kept
			if s := set.find(labelValues); s != nil {
				return s, nil
			}
		}
	}
	s := e.newSeries(m, slices.Clone(labelValues))
	if set.byLabels == nil {
		set.byLabels = make(map[string]*series)
	}
	set.byLabels[string(tuple.Append(nil, labelValues))] = s
	set.ordered = append(set.ordered, s)
	m.series.Add(1)
	e.recorder.series.Add(1)
	return s, nil
}

func (e *Engine) newSeries(m *instrumented, labelValues []string) *series {
	s := &series{metric: m, labelValues: labelValues, start: e.recorder.config.now()}
	s.attributes = append(s.attributes, e.attributeSet(m, labelValues))
	for _, mirror := range m.mirrors {
		values := labelValues
		if mirror.labelValues != nil {
			values = make([]string, len(mirror.labelValues))
			for i, v := range mirror.labelValues {
				values[i] = strings.ReplaceAll(v, schema.Medium, e.config.medium)
			}
		}
		s.attributes = append(s.attributes, e.attributeSet(mirror.metric, values))
	}
	e.recorder.prepare(s)
	return s
}

// attributeSet returns the attributes of one series: the engine's labels and
// the metric's own.
func (e *Engine) attributeSet(m *instrumented, labelValues []string) attribute.Set {
	all := make([]attribute.KeyValue, 0, len(e.attributes)+len(labelValues))
	all = append(all, e.attributes...)
	for i, value := range labelValues {
		all = append(all, attribute.String(m.definition.LabelNames[i], value))
	}
	return attribute.NewSet(all...)
}

// prepare gives a new series what its way out needs: a cell of its own for a
// histogram on a pipeline of ours, prepared options for anything on another
// provider.
func (r *Recorder) prepare(s *series) {
	m := s.metric
	switch {
	case !r.foreign() && m.definition.Kind() == schema.KindHistogram:
		s.cell = newHistogramCell(m.definition.Boundaries)
	case !r.foreign():
	case m.histogram != nil:
		s.samples = append(s.samples, newSampleOptions(m.histogram, s.attributes[0]))
		for i, mirror := range m.mirrors {
			s.samples = append(s.samples, newSampleOptions(mirror.metric.histogram, s.attributes[i+1]))
		}
	default:
		for _, set := range s.attributes {
			s.options = append(s.options, []metric.ObserveOption{metric.WithAttributeSet(set)})
		}
	}
}

// checkLabelValue reports a label value that cannot be exported.
func checkLabelValue(value string) error {
	if len(value) > MaxLabelLength {
		return fmt.Errorf("%w: %.32q...: it has %d bytes, at most %d are taken", ErrLabelValue, value, len(value), MaxLabelLength)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %.64q is not valid UTF-8", ErrLabelValue, value)
	}
	return nil
}
