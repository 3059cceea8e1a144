// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// Observe records what a payload says of the engine with the given index, as
// [Engine.Observe] does. The error wraps [ErrUnknownEngine] if there is no such engine.
func (r *Recorder) Observe(ctx context.Context, engine int, payload *stats.Payload) error {
	e, err := r.Engine(engine)
	if err != nil {
		r.reject(err)
		return err
	}
	return e.Observe(ctx, payload)
}

// Observe records every good entry of a payload: it adds to counters, sets gauges, and
// records the samples of histograms in order. It skips a bad entry as a whole, and counts
// it ([Recorder.Statistics]). For each one, the joined error has a [stats.EntryError]
// that wraps one of this package's errors. vLLM's own observer asserts instead, which
// ends its process.
//
// If several connectors of one process sent stats under their names, they are recorded
// for each ([Engine.Connector]). Stats of another connector, which a decoder ignored, are
// counted by name ([Recorder.Statistics]).
//
// Observe only reads the payload, which may be reused when it returns. The measurements
// can become exemplars if ctx has a sampled span. A nil payload records nothing:
// [stats.Payload.Take] returns nil if nothing happened.
func (e *Engine) Observe(ctx context.Context, payload *stats.Payload) error {
	if payload == nil {
		return nil
	}
	r := e.recorder
	r.payloads.Add(1)
	e.notePayload()
	for connector, n := range payload.Ignored() {
		r.ignore(connector, n)
	}
	if r.config.traceBased && !r.config.exemplarFilter(ctx) {
		ctx = context.Background() // so that not every entry has to ask
	}
	var errs errorlist.List
	e.observe(ctx, "", payload, &errs)
	return errs.Join()
}

// observe records a payload that came under the name of a connector. An empty name means
// that it is the engine's own.
func (e *Engine) observe(ctx context.Context, connector string, payload *stats.Payload, errs *errorlist.List) {
	for m := range payload.Metrics() {
		instrument, unusable := e.recorder.resolve(m.Name(), m.Kind())
		var expected []*series
		if unusable == nil {
			expected = e.ordered(instrument)
		}
		for entry := range m.Entries() {
			cause := unusable
			if cause == nil {
				cause = e.apply(ctx, instrument, expected, entry)
			}
			if cause != nil {
				e.recorder.reject(cause)
				errs.Add(&stats.EntryError{
					Connector: connector, Metric: m.Name(), LabelValues: slices.Clone(entry.LabelValues()), Err: cause,
				})
			}
			expected = expected[min(1, len(expected)):]
		}
	}
	if info := payload.Info(); len(info) > 0 {
		errs.Add(e.observeInfo(info))
	}
	for name, child := range payload.Connectors() {
		// An empty payload declares no connector.
		if !child.IsEmpty() {
			e.Connector(name).observe(ctx, name, child, errs)
		}
	}
}

// apply records one entry. Payloads of one origin have a metric's entries in the same
// order, and the series were created in that order. The entry's series is therefore often
// the first of those expected, and need not be looked up.
func (e *Engine) apply(ctx context.Context, m *recorderMetric, expected []*series, entry *stats.Entry) error {
	if len(expected) > 0 && slices.Equal(expected[0].labelValues, entry.LabelValues()) {
		return m.apply(ctx, expected[0], entry)
	}
	s, err := e.resolve(m, entry.LabelValues())
	if err != nil {
		return err
	}
	return m.apply(ctx, s, entry)
}

// observeInfo sets the catalogue's info metric to 1 for the facts of a payload, with a
// series for each map (vLLM #56867). The definition has the label names. A missing fact
// has the empty value. A fact that is not declared is dropped, and reported once. New
// facts replace the old ones, unless [WithStaleInfo] says otherwise.
func (e *Engine) observeInfo(info []map[string]string) error {
	m := e.recorder.info
	if m == nil {
		return e.reportOnce("", fmt.Errorf("%w: it has no metric for a payload's info", ErrUnknownMetric))
	}
	names := m.definition.LabelNames
	undeclared := make(map[string]bool)
	tuples := make([][]string, len(info))
	for i, facts := range info {
		tuples[i] = make([]string, len(names))
		for j, name := range names {
			tuples[i][j] = facts[name]
		}
		for name := range facts {
			if !slices.Contains(names, name) {
				undeclared[name] = true
			}
		}
	}
	if err := e.replaceInfo(m, tuples); err != nil {
		return err
	}
	if len(undeclared) > 0 {
		return e.reportOnce(m.definition.PrometheusName, fmt.Errorf("%w: info has undeclared labels %.256q",
			ErrLabelValues, strings.Join(slices.Sorted(maps.Keys(undeclared)), ", ")))
	}
	return nil
}

// replaceInfo shows the series of the given tuples, and removes those that were shown
// before. Collections wait for it, so none sees both. Tuples that no series can have are
// left out. If there is no other tuple, the old series stay.
func (e *Engine) replaceInfo(m *recorderMetric, tuples [][]string) error {
	e.infoMu.Lock()
	defer e.infoMu.Unlock()
	isNew := func(values []string) bool { return !slices.Contains(e.info, e.existing(m, values)) }
	isOld := func(s *series) bool {
		return !slices.ContainsFunc(tuples, func(values []string) bool { return slices.Equal(values, s.labelValues) })
	}
	if !slices.ContainsFunc(tuples, isNew) && !slices.ContainsFunc(e.info, isOld) {
		return nil
	}
	e.recorder.collecting.Lock()
	defer e.recorder.collecting.Unlock()
	var shown []*series
	var errs []error
	for _, values := range tuples {
		s, err := e.resolve(m, values)
		if err != nil {
			e.recorder.reject(err)
			errs = append(errs, &stats.EntryError{Metric: m.definition.PrometheusName, Err: err})
			continue
		}
		s.setInt64(1)
		shown = append(shown, s)
	}
	if len(shown) > 0 {
		if !e.recorder.config.staleInfo {
			e.drain(func(old *series) bool { return slices.Contains(e.info, old) && !slices.Contains(shown, old) })
		}
		e.info = shown
	}
	return errors.Join(errs...)
}

// reportOnce counts an info that does not fit the catalogue. The first time it returns
// the reason.
func (e *Engine) reportOnce(metric string, cause error) error {
	e.recorder.reject(cause)
	if e.infoReported.Swap(true) {
		return nil
	}
	return &stats.EntryError{Metric: metric, Err: cause}
}

// notePayload remembers that a payload came now. It keeps the time since the recorder was
// created, which does not change with the wall clock, plus one nanosecond, so that zero
// means never.
func (e *Engine) notePayload() {
	e.root().lastPayload.Store(int64(e.recorder.config.now().Sub(e.recorder.made)) + 1)
}
