// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/schema"
)

// WithSelfMetrics makes the recorder also emit what it counts of itself, which
// docs/metrics.md lists. The metrics have the constant labels. Those that are counted
// for each engine also have the engine's labels. The same producers and instruments
// export them. If several recorders of one pipeline or Prometheus registry have this
// option, give each a constant label of its own ([WithConstantLabels]).
//
// More catalogues, such as that of package ingest, define what a program counts through
// [Recorder.Self]. Their metrics have no engine's labels either.
func WithSelfMetrics(more ...*schema.Catalogue) Option {
	more = slices.Clone(more)
	return func(c *config) { c.selfMetrics, c.selfCatalogues = true, append(c.selfCatalogues, more...) }
}

// Self returns the scope of what the recorder's own program counts of itself. It binds
// the metrics of [WithSelfMetrics] as an engine binds others, without an engine's labels.
// It is nil without WithSelfMetrics.
func (r *Recorder) Self() *Engine { return r.self }

// newSelfMetrics returns the scope of the self-metrics of r that belong to no engine. It is
// in a recorder of its own.
func newSelfMetrics(r *Recorder) (*Engine, error) {
	catalogue, err := selfmetrics.Catalogue().Merge(r.config.selfCatalogues...)
	if err != nil {
		return nil, err
	}
	for d := range catalogue.All() {
		if r.byName[d.PrometheusName] != nil {
			return nil, fmt.Errorf("otelkv: metric %q: WithSelfMetrics defines it: leave it out of the recorder's catalogue", d.PrometheusName)
		}
	}
	c := r.config
	c.selfMetrics, c.labels.Connector, c.tierMedium = false, "", nil
	recorder, err := newRecorder(catalogue, c)
	if err != nil {
		return nil, err
	}
	for _, m := range recorder.metrics {
		m.process = m.definition.Name != selfmetrics.PayloadAge.Name
	}
	process := newEngine(recorder, 0, newEngineConfig(nil), c.constants)
	recorder.addScope(process)
	recorder.RegisterCallback(observer(r, process))
	return process, nil
}

// observer returns the function that reads the counts of r.
func observer(r *Recorder, process *Engine) func(context.Context) error {
	totals := make(map[[2]string]Int64Total) // by the metric's name and its label's value
	observe := func(m schema.Int64Counter, n int64, labelValues ...string) {
		key := [2]string{m.Name, strings.Join(labelValues, "")}
		t, known := totals[key]
		if !known {
			// The values were checked, so this fails only on a closed recorder.
			t, _ = process.Int64Total(m, labelValues...)
			totals[key] = t
		}
		t.Observe(n)
	}
	series, _ := process.Int64Gauge(selfmetrics.Series) // the catalogue has it
	return func(context.Context) error {
		s := r.Statistics()
		observe(selfmetrics.Payloads, s.Payloads)
		observe(selfmetrics.RefusedNumbers, s.Refused)
		observe(selfmetrics.Folds, s.Folded)
		series.Record(s.Series)
		observe(selfmetrics.ExportFailures, s.ExportFailures)
		observe(selfmetrics.DroppedSeries, s.Dropped)
		for _, reason := range reasons() {
			observe(selfmetrics.RejectedEntries, s.Rejected[reason.err], reason.label)
		}
		for name, n := range s.Ignored {
			observe(selfmetrics.IgnoredPayloads, n, name)
		}
		now := r.config.now().Sub(r.made)
		for _, e := range r.snapshot() {
			if last := e.lastPayload.Load(); last != 0 {
				if age, err := e.self.Float64Gauge(selfmetrics.PayloadAge); err == nil {
					age.Record((now - time.Duration(last-1)).Seconds())
				}
			}
		}
		return nil
	}
}
