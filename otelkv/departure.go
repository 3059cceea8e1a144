// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/schema"
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

// resumes reports whether a series that comes back goes on from where it was,
// which is so where a total would else go down. A gauge has no total.
func (m *recorderMetric) resumes() bool { return m.definition.Kind() != schema.KindGauge }

// departures are the removed series that a producer, or a registration of instruments,
// still has to report. Recorder.collecting guards them.
type departures struct {
	delay  time.Duration // how long a series is told, at least once
	silent time.Duration // how long a series is kept from coming back after that
	series map[identity]*departure
}

// A departure is one removed series. It is told from one time until another, and
// after that at least once.
type departure struct {
	series      *series
	from, until time.Time
	told        bool
}

// add keeps those of the series that were shown, and returns how many were left
// out because there are too many.
func (d *departures) add(removed []*series, now time.Time) (dropped int64) {
	d.sweep(now)
	for _, s := range removed {
		if !s.shown() {
			continue
		}
		from := now
		if before := d.series[s.identity()]; before != nil {
			if s.metric.resumes() && before.told {
				from = before.until.Add(d.silent)
			}
		} else if len(d.series) >= maxDeparted {
			dropped++
			continue
		}
		if d.series == nil {
			d.series = make(map[identity]*departure)
		}
		d.series[s.identity()] = &departure{series: s, from: from, until: from.Add(d.delay)}
	}
	return dropped
}

// find returns the series of an identity while it is still to be told.
func (d *departures) find(i identity, now time.Time) *series {
	if n := d.series[i]; n != nil && d.tells(n, now) {
		return n.series
	}
	return nil
}

// tells reports whether a departure is to be told, now or later.
func (d *departures) tells(n *departure, now time.Time) bool { return !n.told || now.Before(n.until) }

// admits reports whether a series that exists is reported now. It takes the place
// of a departed gauge. A counter waits for the end of the silent time.
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

// take returns the series that a collection at the given time tells.
func (d *departures) take(now time.Time) []*series {
	if len(d.series) == 0 {
		return nil
	}
	var all []*series
	for _, n := range d.series {
		if d.tells(n, now) && !now.Before(n.from) {
			n.told = true
			all = append(all, n.series)
		}
	}
	d.sweep(now)
	return all
}

// sweep forgets the series that were told for long enough.
func (d *departures) sweep(now time.Time) {
	for i, n := range d.series {
		if n.told && !now.Before(n.until.Add(d.silent)) {
			delete(d.series, i)
		}
	}
}
