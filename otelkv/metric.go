// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// Other is the label value that stands for the values past a series limit.
const Other = "other"

// maxLabelLength is the length in bytes up to which a label value is accepted.
const maxLabelLength = 1024

// A recorderMetric is a definition in one recorder.
type recorderMetric struct {
	kind
	instrument sdkmetric.InstrumentKind // as OpenTelemetry sees the metric
	recorder   *Recorder
	definition schema.Definition
	table      *bucketTable // of a histogram
	ordinal    int
	mirrors    []mirrorTarget
	series     atomic.Int64 // over all engines
	process    bool         // its series belong to no engine

	traceBased  bool        // the recorder has the trace-based filter of exemplars
	exponential atomic.Bool // its series count in exponential buckets too
}

// A mirrorTarget is a metric that repeats another's series.
type mirrorTarget struct {
	metric      *recorderMetric
	labelValues []string // nil for those of the repeated series
}

// resolve returns the metric of the given name, if it is of the given kind and not a
// mirror.
func (r *Recorder) resolve(name string, kind schema.Kind) (*recorderMetric, error) {
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

// newSeries returns a series with the attributes of an engine.
func (m *recorderMetric) newSeries(engine []attribute.KeyValue, labelValues []string, medium string) *series {
	s := &series{metric: m, labelValues: labelValues, start: m.recorder.config.now().UnixNano()}
	s.attributes = m.attributeSet(engine, labelValues)
	for _, mirror := range m.mirrors {
		values := labelValues
		if mirror.labelValues != nil {
			values = withMedium(mirror.labelValues, medium)
		}
		s.mirrors = append(s.mirrors, mirror.metric.attributeSet(engine, values))
	}
	if m.table != nil {
		s.cell = newHistogramCell(m.table)
	}
	return s
}

// newUnbound returns the series that stands for all that cannot be bound.
func newUnbound(r *Recorder) *series {
	s := &series{metric: &recorderMetric{recorder: r, traceBased: true}, cell: newHistogramCell(newBucketTable(nil))}
	s.state.set(unbound)
	return s
}

// attributeSet returns the attributes of one series: the engine's and the metric's own.
func (m *recorderMetric) attributeSet(engine []attribute.KeyValue, labelValues []string) attribute.Set {
	all := append(make([]attribute.KeyValue, 0, len(engine)+len(labelValues)+1), engine...)
	for i, value := range labelValues {
		label := m.definition.LabelNames[i]
		all = append(all, attribute.String(label, value))
		if medium := m.recorder.config.tierMedium; medium != nil && label == schema.LabelTier {
			all = append(all, attribute.String(labelTierMedium, medium(value)))
		}
	}
	return attribute.NewSet(all...)
}

// labelNames returns the names of all labels that the metric's series have.
func (m *recorderMetric) labelNames() []string {
	c := &m.recorder.config
	var names []string
	if !m.process {
		names = c.labels.all()
	}
	for _, label := range m.definition.LabelNames {
		names = append(names, label)
		if label == schema.LabelTier && c.tierMedium != nil {
			names = append(names, labelTierMedium)
		}
	}
	for _, kv := range c.constants {
		names = append(names, string(kv.Key))
	}
	return names
}

// resumes reports whether a series that comes back continues, so that its total does not
// go down. A gauge has no total.
func (m *recorderMetric) resumes() bool { return m.definition.Kind() != schema.KindGauge }

// checkLabelValue reports a label value that cannot be exported.
func checkLabelValue(value string) error {
	if len(value) > maxLabelLength {
		return fmt.Errorf("%w: %.32q...: %w: it has %d bytes, at most %d are taken",
			ErrLabelValues, value, stats.ErrTooLarge, len(value), maxLabelLength)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %.64q: %w", ErrLabelValues, value, stats.ErrUTF8)
	}
	return nil
}

// count changes the number of the metric's series. It reports whether there are more of
// them, or of the recorder's, than the limits allow.
func (m *recorderMetric) count(n int64) (tooMany bool) {
	r := m.recorder
	ofMetric, ofAll := m.series.Add(n), r.series.Add(n)
	return exceeds(ofMetric, r.config.seriesLimit) || exceeds(ofAll, r.config.totalLimit)
}

func exceeds(n int64, limit int) bool { return limit > 0 && n > int64(limit) }

// fold returns label values with [Other] in the place of each that is not known
// beforehand. Known are the given tiers and the values that the definition lists. The
// one series of an engine's info keeps its values.
func (m *recorderMetric) fold(labelValues, tiers []string) []string {
	d := &m.definition
	if d.FromInfo {
		return labelValues
	}
	folded := slices.Clone(labelValues)
	for i, value := range labelValues {
		label := d.LabelNames[i]
		isTier := label == schema.LabelTier && (value == PrimaryTier || slices.Contains(tiers, value))
		if !isTier && !slices.Contains(d.LabelValues[label], value) {
			folded[i] = Other
		}
	}
	return folded
}

// knownLabelValues returns the label values of the definition's series, if all its labels have
// values that are known beforehand.
func knownLabelValues(d *schema.Definition, tiers []string) [][]string {
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
