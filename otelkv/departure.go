// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
)

// maxDeparted bounds the removed series that a producer or a registration keeps until it
// has reported them.
const maxDeparted = 50_000

// An identity tells series apart as a backend does.
type identity struct {
	metric     *recorderMetric
	attributes attribute.Distinct
}

func (s *series) identity() identity {
	return identity{metric: s.metric, attributes: s.attributes.Equivalent()}
}

// departures are the removed series that a producer, or a registration of instruments,
// still has to report. Recorder.collecting guards them.
type departures struct {
	delay  time.Duration // how long a series is reported, but at least once
	silent time.Duration // after that, how long a series of the same identity is not reported
	series map[identity]*departure
}

// A departure is one removed series. It is reported from one time until another, and at
// least once.
type departure struct {
	series      *series
	from, until time.Time
	reported    bool
}

// isPending reports whether the departure is to be reported, now or later.
func (n *departure) isPending(now time.Time) bool { return !n.reported || now.Before(n.until) }

// add keeps those of the series that were shown. It returns how many it left out because
// there are too many.
func (d *departures) add(removed []*series, now time.Time) (dropped int64) {
	d.sweep(now)
	for _, s := range removed {
		if !s.shown() {
			continue
		}
		from := now
		if before := d.series[s.identity()]; before != nil {
			if s.metric.resumes() && before.reported {
				from = before.until.Add(d.silent)
			}
		} else if len(d.series) >= maxDeparted {
			dropped++
			continue
		}
		d.series[s.identity()] = &departure{series: s, from: from, until: from.Add(d.delay)}
	}
	return dropped
}

// admits reports whether a series that exists is reported now. A gauge takes the place of
// a removed one. A counter waits until the silent time is over.
func (d *departures) admits(s *series, now time.Time) bool {
	if len(d.series) == 0 {
		return true
	}
	n := d.series[s.identity()]
	switch {
	case n == nil:
		return true
	case s.metric.resumes():
		return !now.Before(n.until.Add(d.silent))
	case s.shown():
		delete(d.series, s.identity())
	}
	return true
}

// takeDeparted returns those of the removed series d that a collection at the given time
// reports. The collecting lock is held.
func (r *Recorder) takeDeparted(d *departures, now time.Time) []*series {
	if !r.departed.Load() {
		return nil
	}
	var all []*series
	for _, n := range d.series {
		if n.isPending(now) && !now.Before(n.from) {
			n.reported = true
			all = append(all, n.series)
		}
	}
	d.sweep(now)
	r.departed.Store(slices.ContainsFunc(r.allDepartures(), func(d *departures) bool { return len(d.series) > 0 }))
	return all
}

// sweep forgets the series that were reported for long enough.
func (d *departures) sweep(now time.Time) {
	for i, n := range d.series {
		if n.reported && !now.Before(n.until.Add(d.silent)) {
			delete(d.series, i)
		}
	}
}

// depart removes the series that match from the scopes. Every producer and registration
// still has to report them. Collections wait for it, so none misses them.
func (r *Recorder) depart(scopes []*Engine, match func(*series) bool) {
	var gone []*series
	var dropped int64
	r.collecting.Lock()
	// An engine that finds no series from here on looks for a removed one.
	r.departed.Store(true)
	for _, scope := range scopes {
		gone = append(gone, scope.drain(match)...)
	}
	now := r.config.now()
	for _, d := range r.allDepartures() {
		dropped += d.add(gone, now)
	}
	r.collecting.Unlock()
	for _, s := range gone {
		s.finish()
	}
	if dropped > 0 && r.dropped.Add(dropped) == dropped {
		otel.Handle(fmt.Errorf("otelkv: %d series were removed and not reported once more: "+
			"a reader has %d removed series to collect already", dropped, maxDeparted))
	}
}

// allDepartures returns the departures of each producer and registration. The collecting
// lock is held.
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

// resume returns the removed series of an identity, which continues from now on. It
// returns nil if none is to be reported any more. The collecting lock is held.
func (r *Recorder) resume(i identity) *series {
	var found *series
	now := r.config.now()
	for _, d := range r.allDepartures() {
		if n := d.series[i]; n != nil && n.isPending(now) {
			found = n.series
		}
	}
	if found != nil {
		for _, d := range r.allDepartures() {
			delete(d.series, i)
		}
	}
	return found
}
