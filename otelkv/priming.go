package otelkv

import (
	"fmt"
	"slices"

	"github.com/otelkv/otelkv-go/schema"
)

// PrimaryTier is the label of the primary tier, which every engine with tiers
// has.
const PrimaryTier = "0:primary"

// WithTiers declares the engine's secondary tiers by their labels, for example
// "1:fs". Declared tiers never fold into [Other].
func WithTiers(tiers ...string) EngineOption {
	tiers = slices.Clone(tiers)
	return engineOptionFunc(func(c *engineConfig) { c.tiers = append(slices.Clip(c.tiers), tiers...) })
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

// AddTiers declares further tiers, as [WithTiers] does, also ones that
// [Engine.RemoveTier] took away. Where the engine is primed, their series exist
// at zero from here on.
//
// The error wraps [ErrLabelValues] or [ErrRemoved].
func (e *Engine) AddTiers(tiers ...string) error {
	if err := checkTiers(tiers); err != nil {
		return fmt.Errorf("otelkv: engine %d: %w", e.index, err)
	}
	for _, scope := range e.scopes() {
		if !scope.declareTiers(tiers) {
			return fmt.Errorf("otelkv: engine %d: %w", e.index, ErrRemoved)
		}
	}
	e.prime(tiers)
	return nil
}

// declareTiers reports false if the engine was removed.
func (e *Engine) declareTiers(tiers []string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, tier := range tiers {
		if !slices.Contains(e.config.tiers, tier) {
			e.config.tiers = append(e.config.tiers, tier)
		}
	}
	return !e.removed
}

// start makes the series that exist before traffic. The engine is not shared
// yet.
func (e *Engine) start() {
	e.prime(append([]string{PrimaryTier}, e.config.tiers...))
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
func (e *Engine) show(m *instrumented, labelValues []string) {
	if s, err := e.resolve(m, labelValues); err == nil {
		s.show()
	}
}

// showMirrors makes a series without labels exist at zero under the names of its
// mirrors, while it does not under its own.
func (e *Engine) showMirrors(m *instrumented) {
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
