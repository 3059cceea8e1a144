// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// maxTotals is the number of entries of an engine whose totals are kept.
const maxTotals = 8192

// totals are what was delivered of one engine, in a form that can be saved, by the
// key of each entry.
type totals struct {
	definitions map[string]schema.Definition
	entries     map[string]*total
	info        []map[string]string
	key         []byte
}

// A total is what one entry amounts to.
type total struct {
	Connector   string   `json:"connector,omitempty"`
	Metric      string   `json:"metric"`
	LabelValues []string `json:"labels,omitempty"`
	// Int64 and Float64 are a counter's total or a gauge's value, and Float64 is what
	// a histogram's samples add up to.
	Int64   int64   `json:"int64,omitempty"`
	Float64 float64 `json:"float64,omitempty"`
	// Boundaries and Buckets are a histogram's.
	Boundaries []float64 `json:"boundaries,omitempty"`
	Buckets    []uint64  `json:"buckets,omitempty"`
}

// add adds a payload that was observed, without what the error says was left out.
func (t *totals) add(p *stats.Payload, observed error) {
	var bad map[string]bool
	for _, e := range each(observed) {
		if entry := (*stats.EntryError)(nil); errors.As(e, &entry) {
			if bad == nil {
				bad = make(map[string]bool)
			}
			bad[string(appendKey(nil, entry.Connector, entry.Metric, entry.LabelValues))] = true
		}
	}
	t.addPayload(p, "", bad)
	for name, child := range p.Connectors() {
		t.addPayload(child, name, bad)
	}
}

func (t *totals) addPayload(p *stats.Payload, connector string, bad map[string]bool) {
	if info := p.Info(); len(info) > 0 {
		t.info = nil
		for _, facts := range info {
			t.info = append(t.info, maps.Clone(facts))
		}
	}
	for m := range p.Metrics() {
		d, ok := t.definitions[m.Name()]
		if !ok || d.Kind() != m.Kind() || d.Mirrors != nil {
			continue
		}
		for entry := range m.Entries() {
			t.key = appendKey(t.key[:0], connector, m.Name(), entry.LabelValues())
			if bad[string(t.key)] {
				continue
			}
			if of := t.entry(d, connector, m.Name(), entry.LabelValues()); of != nil {
				of.add(d, entry)
			}
		}
	}
}

// entry returns the total of the key, or nil where there are too many.
func (t *totals) entry(d schema.Definition, connector, metric string, labelValues []string) *total {
	of := t.entries[string(t.key)]
	if of == nil && len(t.entries) < maxTotals {
		of = &total{Connector: strings.Clone(connector), Metric: strings.Clone(metric)}
		for _, v := range labelValues {
			of.LabelValues = append(of.LabelValues, strings.Clone(v))
		}
		if d.Kind() == schema.KindHistogram {
			of.Boundaries, of.Buckets = d.Boundaries, make([]uint64, len(d.Boundaries)+1)
		}
		t.entries[string(t.key)] = of
	}
	return of
}

// add adds an entry that the recorder took.
func (t *total) add(d schema.Definition, entry *stats.Entry) {
	switch d.Kind() {
	case schema.KindCounter:
		t.Int64 += toInt64(d, entry.Value())
		t.Float64 += toFloat64(d, entry.Value())
	case schema.KindGauge:
		t.Int64, t.Float64 = toInt64(d, entry.Value()), toFloat64(d, entry.Value())
	case schema.KindHistogram:
		for _, sample := range entry.Samples() {
			v := sample.Float64()
			i, _ := slices.BinarySearch(t.Boundaries, v)
			t.Buckets[i]++
			t.Float64 += v
		}
	}
}

func toInt64(d schema.Definition, n stats.Number) int64 {
	if d.Number() != schema.NumberKindInt64 {
		return 0
	}
	v, _ := n.Int64() // The recorder took it, so that it is whole.
	return v
}

func toFloat64(d schema.Definition, n stats.Number) float64 {
	if d.Number() == schema.NumberKindInt64 {
		return 0
	}
	return n.Float64()
}

// restore records the totals to an engine that has nothing yet. Those that it cannot
// take any more begin anew.
func (t *totals) restore(ctx context.Context, e *otelkv.Engine) error {
	var errs []error
	p := new(stats.Payload)
	p.SetInfo(t.info...)
	for key, of := range t.entries {
		d, ok := t.definitions[of.Metric]
		err := fmt.Errorf("metric %.64q: %w", of.Metric, otelkv.ErrUnknownMetric)
		if ok {
			err = of.restore(e, p, d)
		}
		if err != nil {
			delete(t.entries, key)
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, e.Observe(ctx, p))...)
}

// restore puts a counter or gauge into the payload, and records a histogram.
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
