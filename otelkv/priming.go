// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"slices"

	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
	"github.com/otelkv/otelkv-go/schema"
)

// PrimaryTier is the label of the primary tier, which every engine with tiers
// has.
const PrimaryTier = tier.Primary

// WithTiers declares the engine's secondary tiers by their types, such as "fs", in the
// order in which they are looked up. The first one has the label "1:fs". Declared
// tiers never fold into [Other].
func WithTiers(types ...string) EngineOption {
	types = slices.Clone(types)
	return engineOptionFunc(func(c *engineConfig) { c.tierTypes = append(slices.Clip(c.tierTypes), types...) })
}

// WithPriming makes every series that can be foreseen exist at zero from the
// start: those of metrics without labels, those of the tiers that [WithTiers]
// declares, and those of label values that a definition lists. Readers can then
// tell zero from a mistyped label.
//
// Histograms of instruments ([Recorder.RegisterInstruments]) cannot show before
// their first sample.
func WithPriming() EngineOption {
	return engineOptionFunc(func(c *engineConfig) { c.primed = true })
}

// AddTiers declares further tiers, as [WithTiers] does. A type of which
// [Engine.RemoveTier] took a tier away brings that one back, under its label; another
// tier gets the next index. Where the engine is primed, their series exist at zero
// from here on.
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
		if !scope.declareTiers(labels) {
			return fmt.Errorf("otelkv: engine %d: %w", e.index, ErrRemoved)
		}
	}
	e.prime(labels)
	return nil
}

// newLabels returns the labels of further tiers of the given types, for a scope of the
// engine that has declared some.
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

// declareTiers reports false if the engine was removed.
func (e *Engine) declareTiers(labels []string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, label := range labels {
		if !slices.Contains(e.config.tiers, label) {
			e.config.tiers = append(e.config.tiers, label)
		}
	}
	return !e.removed
}

// tierTypes returns the types of all tiers that the engine, or the engine of the
// connector, ever declared.
func (e *Engine) tierTypes() []string {
	root := e.root()
	root.mu.RLock()
	defer root.mu.RUnlock()
	return slices.Clone(root.config.tierTypes)
}

// Tiers returns the labels of the tiers that the engine has declared, the primary
// first: "0:primary", "1:fs". The slice belongs to the caller.
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

// start makes the series that exist before traffic. The engine is not shared
// yet.
func (e *Engine) start() {
	e.prime(e.Tiers())
	for _, m := range e.recorder.metrics {
		if m.definition.StartsAtZero && m.definition.Mirrors == nil {
			e.show(m, nil)
		}
		for _, mirror := range m.mirrors {
			if mirror.metric.definition.StartsAtZero {
				e.showMirrors(m)
			}
		}
	}
}

// prime makes the series that can be foreseen, those with a tier for the given
// tiers only. It does nothing for an engine that is not primed.
func (e *Engine) prime(tiers []string) {
	if !e.config.primed {
		return
	}
	for _, m := range e.recorder.metrics {
		if m.definition.FromInfo || m.definition.Mirrors != nil {
			continue
		}
		for _, labelValues := range foreseen(&m.definition, tiers) {
			e.show(m, labelValues)
		}
	}
}

// show makes a series exist at zero. That it cannot, because the engine was
// removed just now, changes nothing.
func (e *Engine) show(m *recorderMetric, labelValues []string) {
	if s, err := e.resolve(m, labelValues); err == nil {
		s.show()
	}
}

// showMirrors makes a series without labels exist at zero under the names of its
// mirrors, while it does not under its own.
func (e *Engine) showMirrors(m *recorderMetric) {
	if s, err := e.resolve(m, nil); err == nil {
		s.mirrored.Store(true)
	}
}

// foreseen returns the label values that a definition's series will have, where
// every one of its labels takes values that are known beforehand.
func foreseen(d *schema.Definition, tiers []string) [][]string {
	tuples := [][]string{nil}
	for _, label := range d.LabelNames {
		values := d.LabelValues[label]
		if label == schema.LabelTier {
			values = slices.DeleteFunc(slices.Clone(tiers), func(tier string) bool {
				return tier == PrimaryTier && !d.PrimaryTier
			})
		}
		var longer [][]string
		for _, t := range tuples {
			for _, v := range values {
				longer = append(longer, append(slices.Clip(t), v))
			}
		}
		tuples = longer
	}
	return tuples
}
