package otelkv

import (
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
	return engineOptionFunc(func(c *engineConfig) { c.tiers = append(c.tiers, tiers...) })
}

// WithPriming makes every series that can be foreseen exist at zero from the
// start: those of metrics without labels, those of the tiers that [WithTiers]
// declares, and those of label values that a definition lists. Readers can then
// tell zero from a mistyped label.
//
// On a provider that is not a pipeline of package exporters, histograms cannot
// show before their first sample.
func WithPriming() EngineOption {
	return engineOptionFunc(func(c *engineConfig) { c.primed = true })
}

// declared reports whether value is one that the label is known to take.
func (e *Engine) declared(label, value string) bool {
	return label == schema.LabelTier && (value == PrimaryTier || slices.Contains(e.config.tiers, value))
}

// start makes the series that exist before traffic.
func (e *Engine) start() {
	for _, m := range e.recorder.metrics {
		d := m.definition
		switch {
		case d.FromInfo || d.Mirrors != nil:
			continue
		case len(d.LabelNames) == 0 && (d.StartsAtZero || e.config.primed):
			e.prime(m, nil)
		case e.config.primed:
			for _, values := range e.foreseen(d) {
				e.prime(m, values)
			}
		}
		for _, mirror := range m.mirrors {
			if mirror.metric.definition.StartsAtZero && len(d.LabelNames) == 0 {
				if s, err := e.resolve(m, nil); err == nil {
					s.mirrored.Store(true)
				}
			}
		}
	}
}

func (e *Engine) prime(m *instrumented, labelValues []string) {
	if s, err := e.resolve(m, labelValues); err == nil {
		s.show()
	}
}

// foreseen returns the label values that a definition's series will have, where
// every one of its labels takes values that are known beforehand.
func (e *Engine) foreseen(d schema.Definition) [][]string {
	tuples := [][]string{nil}
	for _, label := range d.LabelNames {
		var values []string
		if label == schema.LabelTier {
			values = e.config.tiers
			if d.PrimaryTier {
				values = append([]string{PrimaryTier}, values...)
			}
		} else {
			values = d.LabelValues[label]
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
