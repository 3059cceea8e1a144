package otelkv

import (
	"time"

	"github.com/otelkv/otelkv-go/internal/preaggregated"
)

// A reader collects every series for one reader of a pipeline of ours.
type reader struct {
	recorder   *Recorder
	wants      preaggregated.Deltas
	index      int       // among the recorder's readers
	last       time.Time // of the collection before
	metrics    []preaggregated.Metric
	lengths    []int                 // of the collection before, by the metric's ordinal
	superseded map[identity]struct{} // by what departed
}

// NewReader implements the source that a pipeline of package exporters collects
// from. It is not meant to be called by users.
func (r *Recorder) NewReader(wants preaggregated.Deltas) preaggregated.Reader {
	r.collecting.Lock()
	defer r.collecting.Unlock()
	n := &reader{
		recorder:   r,
		wants:      wants,
		index:      len(r.readers),
		lengths:    make([]int, len(r.metrics)),
		superseded: make(map[identity]struct{}),
	}
	r.readers = append(r.readers, n)
	return n
}

// Collect returns the points of every live series, and when they were read. It
// looks at the clock last, because series can appear while it reads the others.
//
// A series that departed is reported once more. One that took its place is left
// out until the next collection, because a backend would see two points of one
// series; nothing of it is lost by that.
func (r *reader) Collect() ([]preaggregated.Metric, time.Time) {
	r.recorder.callbacks.run()
	r.recorder.collecting.Lock()
	defer r.recorder.collecting.Unlock()
	r.begin()
	for _, s := range r.recorder.departures.take(r) {
		r.collect(s)
	}
	for _, e := range r.recorder.snapshot() {
		for _, m := range r.recorder.metrics {
			for _, s := range e.ordered(m) {
				if !r.isSuperseded(s) {
					r.collect(s)
				}
			}
		}
	}
	r.last = r.recorder.config.now()
	return r.end(), r.last
}

func (r *reader) collect(s *series) {
	if s.shown() {
		s.metric.collect(s, r, emitter{reader: r, series: s})
	}
}

// since returns when the interval that a delta of s covers began.
func (r *reader) since(s *series) time.Time {
	if r.last.After(s.start) {
		return r.last
	}
	return s.start
}

func (r *reader) begin() {
	r.metrics = make([]preaggregated.Metric, len(r.recorder.metrics))
	for i, m := range r.recorder.metrics {
		r.metrics[i].Definition = &m.definition
		m.reserve(&r.metrics[i], r.lengths[i])
	}
}

// metric returns where the points of m go.
func (r *reader) metric(m *instrumented) *preaggregated.Metric { return &r.metrics[m.ordinal] }

// end returns the metrics that have points.
func (r *reader) end() []preaggregated.Metric {
	collected := r.metrics[:0]
	for i, m := range r.metrics {
		r.lengths[i] = len(m.Int64Points) + len(m.Float64Points) + len(m.Distributions)
		if r.lengths[i] > 0 {
			collected = append(collected, m)
		}
	}
	r.metrics = nil
	return collected
}
