package otelkv

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// maxDeparted bounds the series that are kept for readers which never collect.
const maxDeparted = 10_000

// An identity tells series apart as a backend does.
type identity struct {
	metric     *instrumented
	attributes attribute.Distinct
}

func (s *series) identity() identity {
	return identity{metric: s.metric, attributes: s.attributes.Equivalent()}
}

// departures are the removed series that readers of a pipeline of ours are still
// to report, oldest first. Recorder.collecting guards them.
type departures struct {
	queue []*departure
}

// A departure is what was removed at one time.
type departure struct {
	series  []*series
	waiting []*reader // that have not reported it
}

// add makes each of the readers report the series once more, those that it could
// have reported before. Where readers do not collect, the oldest departures are
// dropped.
func (d *departures) add(gone []*series, readers []*reader) {
	gone = slices.DeleteFunc(slices.Clone(gone), func(s *series) bool { return !s.shown() })
	if len(gone) == 0 || len(readers) == 0 {
		return
	}
	d.queue = append(d.queue, &departure{series: gone, waiting: slices.Clone(readers)})
	kept := 0
	for i, departure := range slices.Backward(d.queue) {
		if kept += len(departure.series); kept > maxDeparted && i < len(d.queue)-1 {
			d.queue = slices.Delete(d.queue, 0, i+1)
			return
		}
	}
}

// take returns the series that a reader has yet to report, and counts them as
// reported. Of two departures of the same series, which happen when an engine
// came back and went away again between two collections, the later one waits for
// the next collection, and so does what departed after it.
//
// The reader's superseded series are those that it must leave out this time,
// because one that they took the place of is reported now or waits.
func (d *departures) take(reader *reader) []*series {
	clear(reader.superseded)
	var all []*series
	waits := false
	for _, departure := range d.queue {
		i := slices.Index(departure.waiting, reader)
		if i < 0 {
			continue
		}
		waits = waits || slices.ContainsFunc(departure.series, reader.isSuperseded)
		for _, s := range departure.series {
			reader.superseded[s.identity()] = struct{}{}
		}
		if !waits {
			departure.waiting = slices.Delete(departure.waiting, i, i+1)
			all = append(all, departure.series...)
		}
	}
	d.queue = slices.DeleteFunc(d.queue, func(departure *departure) bool { return len(departure.waiting) == 0 })
	return all
}

// isSuperseded reports whether the collection under way leaves s out.
func (r *reader) isSuperseded(s *series) bool {
	if len(r.superseded) == 0 {
		return false
	}
	_, ok := r.superseded[s.identity()]
	return ok
}
