package otelkv

import (
	"context"
	"slices"
	"time"

	"github.com/otelkv/otelkv-go/schema"
)

// maxDeparted bounds the departures that are kept for readers which never
// collect.
const maxDeparted = 256

// A departure is what was removed at one time and is still to be reported.
type departure struct {
	series  []*series
	waiting []*reader // on a pipeline of ours: those that have not reported it
	until   time.Time // on another provider: how long it is reported
}

// Remove takes the engine and its series away, after one last collection by
// every reader of a pipeline of package exporters. On another provider, whose
// readers the recorder cannot know, counters and gauges are reported for
// [DefaultRemovalDelay] more; histogram series end if the provider's instruments
// can finish them, and otherwise stay as they are until the provider ends.
//
// What is recorded to the engine's bound series from here on is lost, and so is
// what a reader that never collects again was not told. Flush the pipeline first
// where that matters. An engine that is added again under the index starts new
// series. Remove may be called more than once.
func (e *Engine) Remove() {
	r := e.recorder
	scopes := e.detach()
	var gone []*series
	for _, scope := range scopes {
		gone = append(gone, scope.drain(func(*series) bool { return true })...)
	}
	r.mu.Lock()
	if e.parent == nil && r.engines[e.index] == e {
		delete(r.engines, e.index)
	}
	r.scopes = slices.DeleteFunc(slices.Clone(r.scopes), func(scope *Engine) bool {
		return slices.Contains(scopes, scope)
	})
	r.mu.Unlock()
	r.depart(gone)
}

// RemoveTier takes away the series of one tier, as [Engine.Remove] does for all,
// and the tier is no longer one that the engine declared. A later measurement
// starts a new series.
func (e *Engine) RemoveTier(tier string) {
	e.mu.RLock()
	scopes := append(e.children(), e)
	e.mu.RUnlock()
	var gone []*series
	for _, scope := range scopes {
		gone = append(gone, scope.drain(func(s *series) bool {
			i := slices.Index(s.metric.definition.LabelNames, schema.LabelTier)
			return i >= 0 && s.labelValues[i] == tier
		})...)
	}
	e.recorder.depart(gone)
}

// detach marks the engine and its connectors as removed, and returns them.
func (e *Engine) detach() []*Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.removed = true
	scopes := []*Engine{e}
	for _, child := range e.children() {
		scopes = append(scopes, child.detach()...)
	}
	return scopes
}

// children returns the connectors. The engine's lock is held.
func (e *Engine) children() []*Engine {
	var all []*Engine
	for _, c := range e.connectors {
		all = append(all, c)
	}
	return all
}

// drain takes the series that match out of the engine.
func (e *Engine) drain(match func(*series) bool) []*series {
	e.mu.Lock()
	defer e.mu.Unlock()
	var gone []*series
	for i := range e.metrics {
		set := &e.metrics[i]
		var kept []*series
		for _, s := range set.ordered {
			if match(s) {
				gone = append(gone, s)
				s.metric.series.Add(-1)
				e.recorder.series.Add(-1)
			} else {
				kept = append(kept, s)
			}
		}
		if len(kept) == len(set.ordered) {
			continue
		}
		set.ordered = kept
		for key, s := range set.byLabels {
			if match(s) {
				delete(set.byLabels, key)
			}
		}
	}
	return gone
}

// depart makes the readers report series once more.
func (r *Recorder) depart(gone []*series) {
	if len(gone) == 0 {
		return
	}
	for _, s := range gone {
		s.finish()
	}
	r.collecting.Lock()
	defer r.collecting.Unlock()
	d := &departure{series: gone, waiting: slices.Clone(r.readers), until: r.config.now().Add(r.config.removalDelay)}
	r.departed = append(r.departed, d)
	if len(r.departed) > maxDeparted {
		r.departed = slices.Delete(r.departed, 0, 1)
	}
}

// finish ends the series of synchronous instruments that can end one.
func (s *series) finish() {
	for i := range s.samples {
		m := s.metric
		if i > 0 {
			m = s.metric.mirrors[i-1].metric
		}
		if f, ok := m.histogram.(finisher); ok {
			f.Finish(context.Background(), s.attributes[i].ToSlice()...)
		}
	}
}

// departures returns the departed series that a reader of ours has yet to report,
// and counts them as reported. Of two departures of the same series, which happen
// when an engine came back and went away again between two collections, the
// later one waits for the next collection.
func (r *Recorder) departures(reader *reader) []*series {
	clear(reader.departed)
	var all []*series
	for _, d := range r.departed {
		i := slices.Index(d.waiting, reader)
		if i < 0 || slices.ContainsFunc(d.series, reader.hasDeparted) {
			continue
		}
		d.waiting = slices.Delete(d.waiting, i, i+1)
		for _, s := range d.series {
			reader.departed[s.identity()] = struct{}{}
		}
		all = append(all, d.series...)
	}
	r.departed = slices.DeleteFunc(r.departed, func(d *departure) bool { return len(d.waiting) == 0 })
	return all
}

// hasDeparted reports whether a series with the attributes of s departed and is
// reported by the collection under way.
func (r *reader) hasDeparted(s *series) bool {
	if len(r.departed) == 0 {
		return false
	}
	_, ok := r.departed[s.identity()]
	return ok
}

// lingering returns the departed series that a foreign provider is still told,
// the latest of each identity.
func (r *Recorder) lingering() map[identity]*series {
	r.collecting.Lock()
	defer r.collecting.Unlock()
	now := r.config.now()
	r.departed = slices.DeleteFunc(r.departed, func(d *departure) bool { return now.After(d.until) })
	all := make(map[identity]*series)
	for _, d := range r.departed {
		for _, s := range d.series {
			all[s.identity()] = s
		}
	}
	return all
}
