// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"slices"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// Observe records what a payload says of the engine of the given index, as
// [Engine.Observe] does. The error wraps [ErrUnknownEngine] if none was declared.
func (r *Recorder) Observe(ctx context.Context, engine int, payload *stats.Payload) error {
	e, err := r.Engine(engine)
	if err != nil {
		r.rejected.count(err)
		return err
	}
	return e.Observe(ctx, payload)
}

// Observe records every good entry of a payload: counters add, gauges set,
// histograms take each sample in order. A bad entry is skipped as a whole, also a
// histogram's for one bad sample, counted ([Recorder.Statistics]) and named in the
// joined error, as a [stats.EntryError] that wraps one of this package's errors.
// vLLM's own observer asserts instead, which ends its process.
//
// What several connectors of one process sent under their names is recorded for
// each ([Engine.Connector]). What a decoder ignored, because it is another
// connector's, is counted by name ([Recorder.Statistics]). The payload is only read, and may be reused when
// Observe returns. Its measurements can become exemplars, if ctx has a sampled span. Nil is what [stats.Payload.Take] returns where nothing
// happened, and nothing is recorded for it.
func (e *Engine) Observe(ctx context.Context, payload *stats.Payload) error {
	if payload == nil {
		return nil
	}
	e.recorder.payloads.Add(1)
	e.notePayload()
	for connector, n := range payload.Ignored() {
		e.recorder.ignored.count(connector, n)
	}
	if c := &e.recorder.config; c.traceBased && !c.exemplarFilter(ctx) {
		ctx = context.Background() // so that every entry need not look
	}
	var errs errorlist.List
	e.observe(ctx, "", payload, &errs)
	return errs.Join()
}

// observe records payload, which came under the name of a connector or, where
// that is empty, as the engine's own.
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
				e.recorder.rejected.count(cause)
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
		// An empty one declares no connector.
		if !child.IsEmpty() {
			e.Connector(name).observe(ctx, name, child, errs)
		}
	}
}

// apply records one entry. A metric's entries come in the same order in every
// payload of one origin, and their series were made in it, so that the entry's
// is often the first of those expected, and need not be looked up.
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
