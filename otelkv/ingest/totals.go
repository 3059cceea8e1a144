// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// maxTotals is how many entries of an engine have a total.
const maxTotals = 8192

// totals are the sums of what was delivered for one engine, in a form that can be saved.
type totals struct {
	definitions map[string]schema.Definition
	entries     map[string]*total // by the key of the entry
	info        []map[string]string
	key         []byte
}

// A total is the sum of one entry. The JSON is that of the state file.
type total struct {
	Connector   string   `json:"connector,omitempty"`
	Metric      string   `json:"metric"`
	LabelValues []string `json:"labels,omitempty"`
	// Int64 or Float64 is a counter's total or a gauge's value. Float64 is the sum of a
	// histogram's samples.
	Int64   int64   `json:"int64,omitempty"`
	Float64 float64 `json:"float64,omitempty"`
	// Boundaries and Buckets are a histogram's.
	Boundaries []float64 `json:"boundaries,omitempty"`
	Buckets    []uint64  `json:"buckets,omitempty"`
}

// add adds a payload. observed is the error of the recorder: its entries were left out.
func (t *totals) add(p *stats.Payload, observed error) {
	leftOut := make(map[string]bool)
	for _, err := range errorlist.Each(observed) {
		if e := (*stats.EntryError)(nil); errors.As(err, &e) {
			leftOut[string(appendKey(nil, e.Connector, e.Metric, e.LabelValues))] = true
		}
	}
	for connector, part := range allPayloads(p) {
		if info := part.Info(); len(info) > 0 {
			t.info = nil
			for _, facts := range info {
				t.info = append(t.info, maps.Clone(facts))
			}
		}
		for m := range part.Metrics() {
			d, ok := t.definitions[m.Name()]
			if !ok || d.Kind() != m.Kind() || d.Mirrors != nil {
				continue
			}
			for entry := range m.Entries() {
				t.key = appendKey(t.key[:0], connector, m.Name(), entry.LabelValues())
				if leftOut[string(t.key)] {
					continue
				}
				if sum := t.entry(d, connector, m.Name(), entry.LabelValues()); sum != nil {
					sum.add(d, entry)
				}
			}
		}
	}
}

// entry returns the total of the key, or nil if there are too many.
func (t *totals) entry(d schema.Definition, connector, metric string, labelValues []string) *total {
	sum := t.entries[string(t.key)]
	if sum == nil && len(t.entries) < maxTotals {
		sum = &total{Connector: connector, Metric: metric, LabelValues: slices.Clone(labelValues)}
		if d.Kind() == schema.KindHistogram {
			sum.Boundaries, sum.Buckets = d.Boundaries, make([]uint64, len(d.Boundaries)+1)
		}
		t.entries[string(t.key)] = sum
	}
	return sum
}

// add adds an entry that was recorded. As in the recorder, an integer stops at the greatest
// one, and what would make a float infinite is left out. JSON has no infinity.
func (t *total) add(d schema.Definition, entry *stats.Entry) {
	if d.Kind() == schema.KindGauge {
		t.Int64, t.Float64 = 0, 0
	}
	switch {
	case d.Kind() == schema.KindHistogram:
		for _, sample := range entry.Samples() {
			if v := sample.Float64(); t.addFloat64(v) {
				i, _ := slices.BinarySearch(t.Boundaries, v)
				t.Buckets[i]++
			}
		}
	case d.Number() == schema.NumberKindInt64:
		v, _ := entry.Value().Int64() // The recorder accepted it, so it is an integer.
		t.Int64 += min(v, math.MaxInt64-t.Int64)
	default:
		t.addFloat64(entry.Value().Float64())
	}
}

func (t *total) addFloat64(v float64) (added bool) {
	sum := t.Float64 + v
	if math.IsInf(sum, 0) {
		return false
	}
	t.Float64 = sum
	return true
}

// restore records the totals to an engine that has no values yet. Totals that it cannot
// record begin at zero.
func (t *totals) restore(ctx context.Context, e *otelkv.Engine) error {
	var errs []error
	p := new(stats.Payload)
	p.SetInfo(t.info...)
	for key, sum := range t.entries {
		d, ok := t.definitions[sum.Metric]
		err := fmt.Errorf("metric %.64q: %w", sum.Metric, otelkv.ErrUnknownMetric)
		if ok {
			err = sum.restore(e, p, d)
		}
		if err != nil {
			delete(t.entries, key)
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, e.Observe(ctx, p))...)
}

// restore adds a counter or gauge to the payload, and records a histogram.
func (t *total) restore(e *otelkv.Engine, p *stats.Payload, d schema.Definition) error {
	if t.Connector != "" {
		p = p.Connector(t.Connector)
	}
	value := stats.Float64(t.Float64)
	if d.Number() == schema.NumberKindInt64 {
		value = stats.Int64(t.Int64)
	}
	switch d.Kind() {
	case schema.KindCounter:
		return p.AddCounter(t.Metric, value, t.LabelValues...)
	case schema.KindGauge:
		return p.RecordGauge(t.Metric, value, t.LabelValues...)
	}
	if len(t.Buckets) != len(t.Boundaries)+1 {
		return fmt.Errorf("metric %.64q: %d buckets for %d boundaries", t.Metric, len(t.Buckets), len(t.Boundaries))
	}
	h, err := e.Connector(t.Connector).HistogramTotal(schema.Histogram(d), t.Boundaries, t.LabelValues...)
	if err == nil {
		h.Observe(t.Buckets, t.Float64)
	}
	return err
}
