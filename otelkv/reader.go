package otelkv

import (
	"iter"
	"slices"
	"time"

	"github.com/otelkv/otelkv-go/internal/preaggregated"
	"github.com/otelkv/otelkv-go/schema"
)

// A reader collects every series for one reader of a pipeline of ours.
type reader struct {
	recorder   *Recorder
	wants      preaggregated.Deltas
	index      int                    // among the recorder's readers
	last       int64                  // of the collection before, in Unix nanoseconds
	metrics    []preaggregated.Metric // by the ordinal, with the points of the last collection
	collected  []preaggregated.Metric // those of metrics that have points
	superseded map[identity]struct{}  // by what departed
}

// Definitions implements the source that a pipeline of package exporters collects
// from. It is not meant to be called by users.
func (r *Recorder) Definitions() iter.Seq[schema.Definition] {
	return func(yield func(schema.Definition) bool) {
		for _, m := range r.metrics {
			if !yield(m.definition) {
				return
			}
		}
	}
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
		metrics:    make([]preaggregated.Metric, len(r.metrics)),
		superseded: make(map[identity]struct{}),
	}
	for i, m := range r.metrics {
		n.metrics[i].Definition = &m.definition
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
	before := r.begin()
	for _, s := range r.recorder.departures.take(r) {
		r.collect(s)
	}
	for _, e := range r.recorder.snapshot() {
		for _, m := range r.recorder.metrics {
			for s := range touched(e.ordered(m)) {
				if !r.isSuperseded(s) {
					r.collect(s)
				}
			}
		}
	}
	now := r.recorder.config.now()
	r.last = now.UnixNano()
	return r.end(before), now
}

// touched returns the series in their order. Of some at a time it reads both cache
// lines before it yields the first, so that the processor fetches all of them at
// the same time. Where there are more series than its caches hold, a collection
// would else wait for the memory of one after the other.
func touched(all []*series) iter.Seq[*series] {
	return func(yield func(*series) bool) {
		for batch := range slices.Chunk(all, 64) {
			for _, s := range batch {
				s.bits.Load()
				s.live.Load()
			}
			for _, s := range batch {
				if !yield(s) {
					return
				}
			}
		}
	}
}

func (r *reader) collect(s *series) {
	if s.shown() {
		s.metric.collect(s, r, emitter{reader: r, series: s})
	}
}

// since returns when the interval that a delta of s covers began.
func (r *reader) since(s *series) int64 {
	return max(r.last, s.start)
}

// begin makes room for the points of a collection in the memory of the one
// before, and returns those.
func (r *reader) begin() []preaggregated.Metric {
	before := slices.Clone(r.metrics)
	for i := range r.metrics {
		m := &r.metrics[i]
		m.Int64Points, m.Float64Points, m.Distributions = m.Int64Points[:0], m.Float64Points[:0], m.Distributions[:0]
	}
	return before
}

// metric returns where the points of m go.
func (r *reader) metric(m *instrumented) *preaggregated.Metric { return &r.metrics[m.ordinal] }

// end returns the metrics that have points. It forgets the points of the
// collection before that are not overwritten, and with them series that are gone.
func (r *reader) end(before []preaggregated.Metric) []preaggregated.Metric {
	r.collected = r.collected[:0]
	for i, m := range r.metrics {
		clearFrom(before[i].Int64Points, len(m.Int64Points))
		clearFrom(before[i].Float64Points, len(m.Float64Points))
		clearFrom(before[i].Distributions, len(m.Distributions))
		if len(m.Int64Points)+len(m.Float64Points)+len(m.Distributions) > 0 {
			r.collected = append(r.collected, m)
		}
	}
	return r.collected
}

func clearFrom[P any](points []P, n int) {
	if n < len(points) {
		clear(points[n:])
	}
}
