package otelkv

import (
	"slices"
	"time"

	"github.com/otelkv/otelkv-go/schema"
)

// lingering are the counters and gauges that a foreign provider is still told of
// after they were removed. Recorder.collecting guards them.
//
// Its readers collect at times that the recorder does not know, but the removal
// delay is longer than any of their intervals. So what lingers for one delay was
// seen by each of them for the last time, and after another delay each of them
// has seen that it is gone. In between, a reader that wants deltas would take a
// total that begins at zero for one that went down.
//
// A series that comes back takes the place of the one that lingers when both are
// to be reported, and not before: no collection may see neither, or both.
type lingering struct {
	series map[identity]lingerer
}

type lingerer struct {
	series *series
	until  time.Time // is reported
	gone   time.Time // every reader knows that it is gone
}

// add makes the series linger. Past [maxDeparted], they are left out at once.
func (l *lingering) add(removed []*series, now time.Time, delay time.Duration) {
	l.sweep(now)
	if l.series == nil {
		l.series = make(map[identity]lingerer)
	}
	for _, s := range removed {
		if s.observable() && l.succeed(s, now) && s.shown() && len(l.series) < maxDeparted {
			l.series[s.identity()] = lingerer{series: s, until: now.Add(delay), gone: now.Add(2 * delay)}
		}
	}
}

// succeed makes s go on where the one that it takes the place of lingers, if any
// does. It reports false for a series that is not to be reported yet.
func (l *lingering) succeed(s *series, now time.Time) bool {
	old, ok := l.series[s.identity()]
	if !ok {
		return true
	}
	if s.metric.definition.Kind() == schema.KindCounter {
		if !now.Before(old.until) {
			return false
		}
		s.inherit(old.series)
	}
	if !s.shown() {
		return false
	}
	delete(l.series, s.identity())
	return true
}

// settle returns what a collection at the given time reports of the series that
// exist, and what lingers.
func (l *lingering) settle(existing [][]*series, now time.Time) [][]*series {
	l.sweep(now)
	if len(l.series) == 0 {
		return existing
	}
	for i, all := range existing {
		existing[i] = slices.DeleteFunc(slices.Clone(all), func(s *series) bool { return !l.succeed(s, now) })
	}
	var rest []*series
	for _, n := range l.series {
		if now.Before(n.until) {
			rest = append(rest, n.series)
		}
	}
	return append(existing, rest)
}

func (l *lingering) sweep(now time.Time) {
	for identity, n := range l.series {
		if !now.Before(n.gone) {
			delete(l.series, identity)
		}
	}
}
