// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// maxConnectors is the number of connectors that an engine tells apart.
const maxConnectors = 64

// An Engine is one serving engine of a recorder, or one connector of an engine. All
// methods are safe for concurrent use.
type Engine struct {
	recorder   *Recorder
	index      int
	attributes []attribute.KeyValue // of every series

	parent *Engine // of a connector

	tiersMu sync.Mutex // held while tiers are added

	mu         sync.RWMutex
	config     engineConfig
	removed    bool
	metrics    []seriesSet // by the metric's ordinal
	connectors map[string]*Engine

	infoMu       sync.Mutex  // held while an info is recorded
	info         []*series   // the series of the last info, guarded by infoMu
	infoReported atomic.Bool // an info that does not fit the catalogue was reported

	// For the self-metrics, if there are any.
	lastPayload atomic.Int64 // when the last payload came, see notePayload
	self        *Engine
}

func newEngine(r *Recorder, index int, c engineConfig, attributes []attribute.KeyValue) *Engine {
	return &Engine{
		recorder:   r,
		index:      index,
		config:     c,
		attributes: attributes,
		metrics:    make([]seriesSet, len(r.metrics)),
		connectors: make(map[string]*Engine),
	}
}

// root returns the engine of a connector, and e itself if it is no connector.
func (e *Engine) root() *Engine { return cmp.Or(e.parent, e) }

// Index returns the index that the engine was declared with.
func (e *Engine) Index() int { return e.index }

// Connector returns the engine as seen by one of several connectors in its process. Its
// series carry the connector's name, if the recorder has a label for it ([LabelNames]).
// Otherwise Connector returns e itself. It also returns e if the name is empty or e is a
// connector already.
//
// An engine tells 64 connectors apart. Further names, and names that cannot be a label
// value, share the connector [Other].
func (e *Engine) Connector(name string) *Engine {
	if e.recorder.config.labels.Connector == "" || name == "" || e.parent != nil {
		return e
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.connectors[name]; c != nil {
		return c
	}
	if len(e.connectors) >= maxConnectors || checkLabelValue(name) != nil {
		e.recorder.folded.Add(1)
		if c := e.connectors[Other]; c != nil {
			return c
		}
		name = Other
	}
	c := newEngine(e.recorder, e.index, e.config, append(slices.Clip(e.attributes),
		attribute.String(e.recorder.config.labels.Connector, name)))
	c.parent, c.removed = e, e.removed
	e.connectors[name] = c
	if !c.removed {
		e.recorder.addScope(c)
	}
	return c
}

// scopes returns the engine, and then its connectors.
func (e *Engine) scopes() []*Engine {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return slices.AppendSeq([]*Engine{e}, maps.Values(e.connectors))
}

// Tiers returns the labels of the engine's tiers, the primary first: "0:primary",
// "1:fs". The slice belongs to the caller.
func (e *Engine) Tiers() []string {
	labels := []string{PrimaryTier}
	types := e.tierTypes()
	e.mu.RLock()
	defer e.mu.RUnlock()
	for i, of := range types {
		if label, _ := tier.Label(i+1, of); slices.Contains(e.config.tiers, label) {
			labels = append(labels, label)
		}
	}
	return labels
}

// tierTypes returns the type of every tier that was ever declared.
func (e *Engine) tierTypes() []string {
	root := e.root()
	root.mu.RLock()
	defer root.mu.RUnlock()
	return slices.Clone(root.config.tierTypes)
}

// AddTiers declares more tiers, as [WithTiers] does. If [Engine.RemoveTier] removed a
// tier of the type, that tier comes back under its old label. Otherwise the tier gets the
// next index. The series of a primed engine's new tiers exist at zero from here on.
//
// The error wraps [ErrLabelValues] or [ErrRemoved].
func (e *Engine) AddTiers(types ...string) error {
	if _, err := tierLabels(types); err != nil {
		return fmt.Errorf("otelkv: engine %d: %w", e.index, err)
	}
	root := e.root()
	root.tiersMu.Lock()
	defer root.tiersMu.Unlock()
	labels := root.newLabels(types, e.Tiers())
	for _, scope := range e.scopes() {
		scope.mu.Lock()
		removed := scope.removed
		scope.config.tiers = append(slices.Clip(scope.config.tiers), labels...)
		scope.mu.Unlock()
		if removed {
			return fmt.Errorf("otelkv: engine %d: %w", e.index, ErrRemoved)
		}
	}
	e.prime(labels)
	return nil
}

// newLabels returns the labels of new tiers of the given types. The argument declared
// has the tiers that the engine, or its connector, has already.
func (e *Engine) newLabels(types, declared []string) (labels []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, of := range types {
		index, label := 0, PrimaryTier
		for slices.Contains(declared, label) || e.config.tierTypes[index-1] != of {
			index++
			label, _ = tier.Label(index, of)
			if index > len(e.config.tierTypes) {
				e.config.tierTypes = append(e.config.tierTypes, of)
			}
		}
		declared, labels = append(declared, label), append(labels, label)
	}
	return labels
}

// RemoveTier removes the series of one tier, as [Engine.Remove] removes all series. The
// argument is the tier's label. The engine no longer declares the tier: a later
// measurement with its label starts a new series. Bind the series of the tier again to
// record to them. The error wraps [ErrLabelValues] if the argument is not a label.
func (e *Engine) RemoveTier(label string) error {
	if err := tier.CheckLabel(label); err != nil && label != Other {
		return fmt.Errorf("otelkv: engine %d: %w: %w", e.index, ErrLabelValues, err)
	}
	scopes := e.scopes()
	for _, scope := range scopes {
		scope.mu.Lock()
		scope.config.tiers = slices.DeleteFunc(slices.Clone(scope.config.tiers), func(t string) bool { return t == label })
		scope.mu.Unlock()
	}
	e.recorder.depart(scopes, func(s *series) bool {
		i := slices.Index(s.metric.definition.LabelNames, schema.LabelTier)
		return i >= 0 && s.labelValues[i] == label
	})
	return nil
}

// Remove removes the engine and its series. Each producer reports them once more, or for
// as long as its [WithRemovalDelay] says. The instruments of
// [Recorder.RegisterInstruments] report them for two minutes, or for that delay. Their
// histograms end if the instrument can finish them. Otherwise they stay unchanged until
// the meter provider ends.
//
// If the engine is added again while a producer still has to report an old counter or
// histogram, that series continues with its start time and its total. After that, the
// series starts anew.
//
// Measurements to a bound series are lost once the series was reported for the last time.
// What a reader did not collect yet is lost if it never collects again. Remove may be
// called more than once.
func (e *Engine) Remove() {
	scopes := e.detach()
	e.recorder.depart(scopes, func(*series) bool { return true })
	if e.self != nil {
		e.self.Remove()
	}
	e.recorder.forget(scopes)
	if e.parent != nil {
		e.parent.mu.Lock()
		defer e.parent.mu.Unlock()
		maps.DeleteFunc(e.parent.connectors, func(_ string, c *Engine) bool { return c == e })
	}
}

// detach marks the engine and its connectors as removed, and returns them.
func (e *Engine) detach() []*Engine {
	e.mu.Lock()
	e.removed = true
	e.mu.Unlock()
	// From here on, Connector marks every new connector as removed.
	scopes := e.scopes()
	for _, connector := range scopes[1:] {
		connector.detach()
	}
	return scopes
}

// Trackers are the trackers of one engine. They know vLLM's rules of what counts when.
type Trackers struct {
	// Connector records lookups and failed allocations.
	Connector *connector.Tracker
	// Transfers records copies to and from the GPU.
	Transfers *connector.Transfers
	// Pool records how the primary tier's memory is used.
	Pool *tiering.CPUPool
	// Tiering records lookups in tiers, promotions and cascades. It is nil if the
	// catalogue has no metrics of tiers, as vllm.CPUSpec.
	Tiering *tiering.Tracker
}

// Trackers returns trackers that record to the engine's series. The secondary tiers are
// those of [WithTiers], so the configuration can leave them out. With
// connector.WithBinder(nil) the trackers fill payloads instead, for a service that also
// sends them elsewhere.
//
// The error names every metric that the recorder's catalogue lacks, and the catalogues of
// vLLM that have it.
func (e *Engine) Trackers(config tiering.Config, opts ...connector.Option) (*Trackers, error) {
	declared := e.tierTypes()
	if config.SecondaryTiers != nil && !slices.Equal(config.SecondaryTiers, declared) {
		return nil, fmt.Errorf("otelkv: engine %d: %w: secondary tiers %q are not the engine's %q",
			e.index, ErrLabelValues, config.SecondaryTiers, declared)
	}
	config.SecondaryTiers = declared
	opts = append([]connector.Option{connector.WithBinder(e)}, opts...)
	var t Trackers
	var errs [4]error
	t.Connector, errs[0] = connector.NewTracker(opts...)
	t.Transfers, errs[1] = connector.NewTransfers(opts...)
	t.Pool, errs[2] = tiering.NewCPUPool(config, opts...)
	if len(declared) > 0 || e.recorder.byName[vllm.TieringChunkQueries.PrometheusName] != nil {
		t.Tiering, errs[3] = tiering.NewTracker(config, opts...)
	}
	if errs[2] != nil && errs[3] != nil && errs[2].Error() == errs[3].Error() {
		errs[3] = nil // both report the same configuration
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return &t, nil
}
