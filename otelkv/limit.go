package otelkv

import "slices"

// Other is the label value that stands for those past a series limit.
const Other = "other"

// full reports whether m may have no more series, or the recorder none at all.
func (e *Engine) full(m *instrumented) bool {
	limit, total := e.recorder.config.seriesLimit, e.recorder.config.totalLimit
	return limit > 0 && m.series.Load() >= int64(limit) ||
		total > 0 && e.recorder.series.Load() >= int64(total)
}

// fold returns label values with [Other] in the place of all that were not
// declared. The engine's labels stay, and so does a metric without labels.
func (e *Engine) fold(m *instrumented, labelValues []string) []string {
	folded := slices.Clone(labelValues)
	for i, value := range labelValues {
		if !e.declared(m.definition.LabelNames[i], value) {
			folded[i] = Other
		}
	}
	return folded
}
