// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
)

// DefaultMedium is the medium that the deprecated trio's transfer_type names,
// unless [WithMedium] gives another: "CPU_to_GPU", "GPU_to_CPU".
const DefaultMedium = "CPU"

// MaxConnectors is the number of connectors of one engine that are told apart.
const MaxConnectors = 64

// An EngineOption sets one thing of an [Engine].
type EngineOption interface {
	applyEngine(*engineConfig)
}

type engineOptionFunc func(*engineConfig)

func (f engineOptionFunc) applyEngine(c *engineConfig) { f(c) }

type engineConfig struct {
	medium    string
	tierTypes []string // of all tiers that were ever declared, the one of index 1 first
	tiers     []string // the labels of those that are declared now
	primed    bool
	source    *string
}

func newEngineConfig(options []EngineOption) engineConfig {
	c := engineConfig{medium: DefaultMedium}
	for _, o := range options {
		o.applyEngine(&c)
	}
	return c
}

func (c *engineConfig) check(metrics []*recorderMetric) error {
	labels, err := tierLabels(c.tierTypes)
	c.tiers = labels
	errs := []error{err, checkMedium(c.medium, metrics)}
	if c.source != nil {
		errs = append(errs, checkLabelValue(*c.source))
	}
	return errors.Join(errs...)
}

// WithMedium names the medium that mirrors say an engine offloads to, instead of
// [DefaultMedium]. Dashboards of a shared-file backend query
// "GPU_to_SHARED_STORAGE", which is the medium "SHARED_STORAGE". It cannot be empty,
// nor "GPU", under which loads and stores would be one series.
func WithMedium(medium string) EngineOption {
	return engineOptionFunc(func(c *engineConfig) { c.medium = medium })
}

// WithSource says where the engine comes from, for a recorder that takes the stats of
// several processes, each of which counts its engines from zero. Such engines may have
// the same index where their model or the source's label ([WithSourceLabelName])
// differs. [Recorder.Engine] and [Recorder.Observe] do not find them.
func WithSource(name string) EngineOption {
	return engineOptionFunc(func(c *engineConfig) { c.source = &name })
}

// An Engine is one serving engine of a recorder, or one connector of it. All
// methods are safe for concurrent use.
type Engine struct {
	recorder   *Recorder
	index      int
	attributes []attribute.KeyValue // that every series carries

	// Of a connector: the engine, and its name there.
	parent *Engine
	name   string

	tiersMu sync.Mutex // held while tiers are added

	mu         sync.RWMutex
	config     engineConfig
	removed    bool
	metrics    []seriesSet // by the metric's ordinal
	connectors map[string]*Engine

	infoMu       sync.Mutex  // held while an info is recorded
	info         []*series   // that are reported now, guarded by infoMu
	infoReported atomic.Bool // that an info did not fit the catalogue

	// For the self-metrics, if there are any.
	lastPayload atomic.Int64 // when it was observed, see notePayload
	self        *Engine
	age         Float64Gauge
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

// root returns the engine, or that of the connector.
func (e *Engine) root() *Engine { return cmp.Or(e.parent, e) }

// Index returns the index that the engine was declared with.
func (e *Engine) Index() int { return e.index }

// Connector returns the engine as seen by one of several connectors in its
// process. With [WithConnectorLabelName] its series carry the connector's name;
// without, they are the engine's own, and Connector returns e. So it does for a
// name that is empty, and on a connector.
//
// Names beyond the first [MaxConnectors], and names that no label can hold, share
// the connector [Other].
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
	config := e.config
	config.tiers = slices.Clone(config.tiers)
	config.tierTypes = nil // the engine's count
	c := newEngine(e.recorder, e.index, config, append(slices.Clip(e.attributes),
		attribute.String(e.recorder.config.connectorLabel, name)))
	c.parent, c.name, c.removed = e, name, e.removed
	if e.connectors == nil {
		e.connectors = make(map[string]*Engine)
	}
	e.connectors[name] = c
	if !c.removed {
		e.recorder.addScope(c)
	}
	return c
}

// scopes returns the engine and its connectors, in the order of their names.
func (e *Engine) scopes() []*Engine {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := []*Engine{e}
	for _, c := range e.connectors {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Engine) int { return cmp.Compare(a.name, b.name) })
	return all
}
