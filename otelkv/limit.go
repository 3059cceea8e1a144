// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"slices"
	"sync/atomic"

	"github.com/otelkv/otelkv-go/schema"
)

// Other is the label value that stands for those past a series limit.
const Other = "other"

// reserve counts one more series of m. It counts none and reports false where m
// may have no more, or the recorder none at all.
func (r *Recorder) reserve(m *recorderMetric) bool {
	if !addBelow(&m.series, r.config.seriesLimit) {
		return false
	}
	if !addBelow(&r.series, r.config.totalLimit) {
		m.series.Add(-1)
		return false
	}
	return true
}

// addBelow adds one to n unless it has reached the limit. Engines that make series
// at the same time so stay below it together.
func addBelow(n *atomic.Int64, limit int) bool {
	for {
		old := n.Load()
		if limit > 0 && old >= int64(limit) {
			return false
		}
		if n.CompareAndSwap(old, old+1) {
			return true
		}
	}
}

// fold returns label values with [Other] in the place of all that were not
// declared. The engine's labels stay, and so do a metric without labels and the
// one series that an engine has of what its info fills.
func (e *Engine) fold(m *recorderMetric, labelValues []string) []string {
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
