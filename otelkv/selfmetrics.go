// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	observe, err := observer(r, process)
	if err != nil {
		return nil, err
	}
	recorder.RegisterCallback(observe)
	return process, nil
}

// observer returns the function that reads the counts of r.
func observer(r *Recorder, process *Engine) (func(context.Context) error, error) {
	var errs []error
	total := func(m schema.Int64Counter, labelValues ...string) Int64Total {
		t, err := process.Int64Total(m, labelValues...)
		errs = append(errs, err)
		return t
	}
	payloads, refused := total(selfmetrics.Payloads), total(selfmetrics.RefusedNumbers)
	folds, failures := total(selfmetrics.Folds), total(selfmetrics.ExportFailures)
	dropped := total(selfmetrics.DroppedSeries)
	rejected := make(map[error]Int64Total)
	for _, reason := range reasons() {
		rejected[reason.err] = total(selfmetrics.RejectedEntries, reason.label)
	}
	series, err := process.Int64Gauge(selfmetrics.Series)
	errs = append(errs, err)
	ignored := make(map[string]Int64Total)
	return func(context.Context) error {
		s := r.Statistics()
		payloads.Observe(s.Payloads)
		refused.Observe(s.Refused)
		folds.Observe(s.Folded)
		series.Record(s.Series)
		failures.Observe(s.ExportFailures)
		dropped.Observe(s.Dropped)
		for reason, t := range rejected {
			t.Observe(s.Rejected[reason])
		}
		for name, n := range s.Ignored {
			t, known := ignored[name]
			if !known {
				// The name was checked, so this fails only on a closed recorder.
				t, _ = process.Int64Total(selfmetrics.IgnoredPayloads, name)
				ignored[name] = t
			}
			t.Observe(n)
		}
		now := r.config.now().Sub(r.made)
		for _, e := range r.snapshot() {
			if last := e.lastPayload.Load(); last != 0 {
				e.age.Record((now - time.Duration(last-1)).Seconds())
			}
		}
		return nil
	}, errors.Join(errs...)
}

// addSelfMetrics gives an engine self-metrics with the engine's labels.
func (r *Recorder) addSelfMetrics(e *Engine) error {
	if r.self == nil {
		return nil
	}
	own := newEngine(r.self.recorder, e.index, newEngineConfig(nil), e.attributes)
	own.recorder.addScope(own) // before it has series, see declare
	age, err := own.Float64Gauge(selfmetrics.PayloadAge)
	if err != nil {
		return err
	}
	e.self, e.age = own, age
	return nil
}
