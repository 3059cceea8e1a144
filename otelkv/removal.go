package otelkv

import (
	"context"
	"maps"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/schema"
)

// Remove takes the engine and its series away, after one last collection by
// every reader of a pipeline of package exporters. An engine that is added again
// under the index starts new series, with new start times.
//
// On another provider, whose readers the recorder cannot know, counters and
// gauges are reported for [DefaultRemovalDelay] more. A counter that comes back
// within that time goes on from its total; one that comes back within as long
// again is first reported after that, so that no reader sees a total go down.
// Histogram series end if the provider's instruments can finish them, and
// otherwise stay as they are until the provider ends.
//
// What is recorded to the engine's bound series from here on is lost, and so is
// what a reader that never collects again was not told. Flush the pipeline first
// where that matters. Remove may be called more than once.
func (e *Engine) Remove() {
	scopes := e.detach()
	e.recorder.depart(scopes, func(*series) bool { return true })
	if e.self != nil {
		e.self.Remove()
	}
	e.recorder.forget(scopes)
	if e.parent != nil {
		e.parent.disconnect(e)
	}
}

// RemoveTier takes away the series of one tier, as [Engine.Remove] does for all,
// and the tier is no longer one that the engine declared. A later measurement by
// its label starts a new series; series that are bound have to be bound again.
func (e *Engine) RemoveTier(tier string) {
	scopes := e.scopes()
	for _, scope := range scopes {
		scope.withdrawTier(tier)
	}
	e.recorder.depart(scopes, func(s *series) bool {
		i := slices.Index(s.metric.definition.LabelNames, schema.LabelTier)
		return i >= 0 && s.labelValues[i] == tier
	})
}

// detach marks the engine and its connectors as removed, and returns them.
func (e *Engine) detach() []*Engine {
	e.mu.Lock()
	e.removed = true
	e.mu.Unlock()
	// A connector that is made from here on is removed from the start.
	scopes := e.scopes()
	for _, connector := range scopes[1:] {
		connector.detach()
	}
	return scopes
}

// disconnect makes the name of a removed connector free again.
func (e *Engine) disconnect(connector *Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.connectors[connector.name] == connector {
		delete(e.connectors, connector.name)
	}
}

func (e *Engine) withdrawTier(tier string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config.tiers = slices.DeleteFunc(slices.Clone(e.config.tiers), func(t string) bool { return t == tier })
}

// forget makes the recorder not know the scopes any more, so that the index is
// free for another engine.
func (r *Recorder) forget(scopes []*Engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := scopes[0]; r.engines[e.index] == e {
		delete(r.engines, e.index)
	}
	r.scopes = slices.DeleteFunc(slices.Clone(r.scopes), func(scope *Engine) bool {
		return slices.Contains(scopes, scope)
	})
}

// depart takes the series that match out of the scopes, and makes them reported
// for as long as the way out needs. No collection comes between, which could
// miss them, or report a successor first.
func (r *Recorder) depart(scopes []*Engine, match func(*series) bool) {
	var gone []*series
	r.collecting.Lock()
	for _, scope := range scopes {
		gone = append(gone, scope.drain(match)...)
	}
	if r.foreign() {
		r.lingering.add(gone, r.config.now(), r.config.removalDelay)
	} else {
		r.departures.add(gone, r.readers)
	}
	r.collecting.Unlock()
	for _, s := range gone {
		s.finish()
	}
}

// drain takes the series that match out of the engine, and returns them.
func (e *Engine) drain(match func(*series) bool) []*series {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*series
	for i := range e.metrics {
		set := &e.metrics[i]
		var gone, kept []*series
		for _, s := range set.ordered {
			if match(s) {
				gone = append(gone, s)
			} else {
				kept = append(kept, s)
			}
		}
		if len(gone) == 0 {
			continue
		}
		set.ordered = kept
		maps.DeleteFunc(set.byLabels, func(_ string, s *series) bool { return match(s) })
		e.recorder.metrics[i].series.Add(-int64(len(gone)))
		e.recorder.series.Add(-int64(len(gone)))
		all = append(all, gone...)
	}
	return all
}

// finish ends the series of synchronous instruments that can end one, and keeps
// bound histograms from beginning them again.
func (s *series) finish() {
	if s.instruments == nil {
		return
	}
	s.instruments.finished.Store(true)
	s.metric.finish(s.attributes)
	for i, mirror := range s.metric.mirrors {
		mirror.metric.finish(s.mirrors[i])
	}
}

// finish ends one series of the metric's synchronous instrument, if it has one
// that can do so.
func (m *instrumented) finish(attributes attribute.Set) {
	if f, ok := m.histogram.(finisher); ok {
		f.Finish(context.Background(), attributes.ToSlice()...)
	}
}
