// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
	"github.com/otelkv/otelkv-go/schema"
)

// Remove removes the engine and its series. Every producer reports them once more, or
// for as long as its [WithRemovalDelay] says. The instruments of
// [Recorder.RegisterInstruments] report them for [DefaultRemovalDelay]. Histograms of
// instruments end if the instrument can finish them. Otherwise they stay as they are
// until the meter provider ends.
//
// If the engine is added again while a producer still has to report an old counter or
// histogram, that series continues: it keeps its start time and its total. A series
// that comes back later starts anew.
//
// Measurements to the engine's bound series are lost once the series was reported for
// the last time. So is what was not reported yet to a reader that never collects again.
// Remove may be called more than once.
func (e *Engine) Remove() {
	scopes := e.detach()
	e.recorder.depart(scopes, func(*series) bool { return true })
	e.removeSelf()
	e.recorder.forget(scopes)
	if e.parent != nil {
		e.parent.disconnect(e)
	}
}

// removeSelf removes the engine's self-metrics, if there are any.
func (e *Engine) removeSelf() {
	if e.self != nil {
		e.self.Remove()
	}
}

// RemoveTier removes the series of one tier, as [Engine.Remove] removes all. The tier is
// given by its label, and is no longer one that the engine declared. A later
// measurement by that label starts a new series. Bound series of the tier have to be
// bound again. The error wraps [ErrLabelValues] if a type was given instead of a label.
func (e *Engine) RemoveTier(label string) error {
	if err := tier.CheckLabel(label); err != nil && label != Other {
		return fmt.Errorf("otelkv: engine %d: %w: %w", e.index, ErrLabelValues, err)
	}
	scopes := e.scopes()
	for _, scope := range scopes {
		scope.withdrawTier(label)
	}
	e.recorder.depart(scopes, func(s *series) bool {
		i := slices.Index(s.metric.definition.LabelNames, schema.LabelTier)
		return i >= 0 && s.labelValues[i] == label
	})
	return nil
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

// forget makes the recorder not know the scopes any more, so that the index and
// the labels are free for another engine.
func (r *Recorder) forget(scopes []*Engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := scopes[0]
	if r.engines[e.index] == e {
		delete(r.engines, e.index)
	}
	r.declared = slices.DeleteFunc(r.declared, func(other *Engine) bool { return other == e })
	r.scopes = slices.DeleteFunc(slices.Clone(r.scopes), func(scope *Engine) bool {
		return slices.Contains(scopes, scope)
	})
}

// depart takes the series that match out of the scopes, and leaves them to every
// producer and registration to report. No collection comes between and misses them.
func (r *Recorder) depart(scopes []*Engine, match func(*series) bool) {
	var gone []*series
	var dropped int64
	r.collecting.Lock()
	// Who finds no series in a scope from here on looks for a departed one.
	r.departed.Add(1)
	for _, scope := range scopes {
		gone = append(gone, scope.drain(match)...)
	}
	now := r.config.now()
	for _, d := range r.allDepartures() {
		dropped += d.add(gone, now)
	}
	r.countDeparted()
	r.collecting.Unlock()
	for _, s := range gone {
		s.finish()
	}
	r.dropDeparted(dropped)
}

// allDepartures returns the departures of each producer and registration. It is called
// while collecting is held, as are the functions below.
func (r *Recorder) allDepartures() []*departures {
	var all []*departures
	for _, w := range r.producers {
		if p := w.Value(); p != nil {
			all = append(all, &p.departures)
		}
	}
	for _, g := range r.registrations {
		all = append(all, &g.departures)
	}
	return all
}

// countDeparted says how many series are kept to be told.
func (r *Recorder) countDeparted() {
	n := 0
	for _, d := range r.allDepartures() {
		n += len(d.series)
	}
	r.departed.Store(int64(n))
}

// resume returns the departed series of an identity, which goes on from now on, or
// nil if none is to be told any more.
func (r *Recorder) resume(i identity) *series {
	var found *series
	now := r.config.now()
	for _, d := range r.allDepartures() {
		if s := d.find(i, now); s != nil {
			found = s
		}
	}
	if found == nil {
		return nil
	}
	for _, d := range r.allDepartures() {
		delete(d.series, i)
	}
	r.countDeparted()
	return found
}

// dropDeparted counts removed series that were not told, and reports the first.
func (r *Recorder) dropDeparted(n int64) {
	if n > 0 && r.dropped.Add(n) == n {
		otel.Handle(fmt.Errorf("otelkv: %d series were removed and not told once more: "+
			"a reader has %d removed series to collect already", n, maxDeparted))
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
