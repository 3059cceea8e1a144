package otelkv

import (
	"slices"

	"github.com/otelkv/otelkv-go/schema"
)

// Other is the label value that stands for those past a series limit.
const Other = "other"

// full reports whether m may have no more series, or the recorder none at all.
func (e *Engine) full(m *instrumented) bool {
	limit, total := e.recorder.config.seriesLimit, e.recorder.config.totalLimit
	return limit > 0 && m.series.Load() >= int64(limit) ||
		total > 0 && e.recorder.series.Load() >= int64(total)
}

// fold returns label values with [Other] in the place of all that were not
// declared. The engine's labels stay, and so do a metric without labels and the
// one series that an engine has of what its info fills.
func (e *Engine) fold(m *instrumented, labelValues []string) []string {
	if m.definition.FromInfo {
		return labelValues
	}
	folded := slices.Clone(labelValues)
	for i, value := range labelValues {
		if !e.declared(&m.definition, m.definition.LabelNames[i], value) {
			folded[i] = Other
		}
	}
	return folded
}

// declared reports whether value is one that the label is known to take: a tier
// of the engine, or one that the definition lists. The engine's lock is held.
func (e *Engine) declared(d *schema.Definition, label, value string) bool {
	if label == schema.LabelTier && (value == PrimaryTier || slices.Contains(e.config.tiers, value)) {
		return true
	}
	return slices.Contains(d.LabelValues[label], value)
}
