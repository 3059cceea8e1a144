package otelkv

import (
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/schema"
)

// lingering are the counters and gauges that a foreign provider is still told of
// after they were removed.
//
// Its readers collect at times that the recorder does not know, but the removal
// delay is longer than any of their intervals. So what lingers for one delay was
// seen by each of them for the last time, and after another delay each of them
// has seen that it is gone. In between, a reader that wants deltas would take a
// total that begins at zero for one that went down.
type lingering struct {
	mu     sync.Mutex
	series map[identity]lingerer
}

type lingerer struct {
	series *series
	until  time.Time // is reported
	gone   time.Time // every reader knows that it is gone
}

// add makes the series linger. Past [maxDeparted], they are left out at once.
func (l *lingering) add(removed []*series, now time.Time, delay time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	for _, s := range removed {
		if len(s.options) == 0 || len(l.series) >= maxDeparted {
			continue
		}
		if l.series == nil {
			l.series = make(map[identity]lingerer)
		}
		n := lingerer{series: s, until: now.Add(delay), gone: now.Add(2 * delay)}
		if s.hiddenUntil.After(now) {
			// It was never reported, so nobody has to see it go.
			n.until, n.gone = now, s.hiddenUntil
		}
		l.series[s.identity()] = n
	}
}

// succeed makes a new series go on where the one that it takes the place of
// lingers, so that no reader sees a total go down.
func (l *lingering) succeed(s *series, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, ok := l.series[s.identity()]
	if !ok {
		return
	}
	delete(l.series, s.identity())
	switch {
	case s.metric.definition.Kind() != schema.KindCounter:
	case now.Before(old.until):
		s.bits.Store(old.series.bits.Load())
		s.live.Store(old.series.live.Load())
		s.mirrored.Store(old.series.mirrored.Load())
	case now.Before(old.gone):
		s.hiddenUntil = old.gone
	}
}

// reported returns the series that a collection at the given time reports.
func (l *lingering) reported(now time.Time) []*series {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	var all []*series
	for _, n := range l.series {
		if now.Before(n.until) {
			all = append(all, n.series)
		}
	}
	return all
}

func (l *lingering) sweep(now time.Time) {
	for identity, n := range l.series {
		if !now.Before(n.gone) {
			delete(l.series, identity)
		}
	}
}
