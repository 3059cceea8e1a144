// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"maps"
	"math"
	"sync/atomic"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/otelkv/otelkv-go/internal/tuple"
)

// A series is one definition, one engine and one tuple of label values. It owns its
// state, and OpenTelemetry reads it.
//
// It is two cache lines. A measurement writes the first line and only reads the second,
// so writers do not invalidate the second. A collection reads both, and little else.
type series struct {
	// bits is the value of a counter or gauge: an int64, or a float64's bits.
	bits        atomic.Uint64
	labelValues []string
	mirrors     []attribute.Set // its attributes under the names of its mirrors
	// instruments are those of each registration ([Recorder.RegisterInstruments]).
	instruments atomic.Pointer[[]*instrumentSeries]

	metric *recorderMetric
	cell   *histogramCell // of a histogram
	state  seriesState
	// mirrored says that the mirrors are reported even if the series itself is not.
	mirrored   atomic.Bool
	attributes attribute.Set
	start      int64 // of its count, in Unix nanoseconds
	extras     atomic.Pointer[extras]
}

// extras are what few series need.
type extras struct {
	deltas    []delta // one for each producer of deltas, guarded by Recorder.collecting
	reservoir atomic.Pointer[exemplar.Reservoir]
}

// extend returns the extras of the series, and creates them if there are none.
func (s *series) extend() *extras {
	if s.extras.Load() == nil {
		s.extras.CompareAndSwap(nil, new(extras))
	}
	return s.extras.Load()
}

// A seriesState is what a measurement must know of its series besides the value. It is
// one word, so a measurement reads it once: if it equals live, nothing more is to be done.
type seriesState struct{ flags atomic.Uint32 }

const (
	// live says that the series is reported under its own name. The first
	// measurement sets it, and so does priming.
	live = 1 << iota
	// withInstruments says that measurements also go to synchronous instruments.
	withInstruments
	// withExponential says that a histogram has exponential buckets too.
	withExponential
	// unbound says that the series stands for one that could not be bound.
	unbound
)

// settled reports whether a measurement needs nothing but the value.
func (s *seriesState) settled() bool { return s.flags.Load() == live }

func (s *seriesState) has(flag uint32) bool { return s.flags.Load()&flag != 0 }

// set sets a flag. It reads before it writes, so that goroutines do not contend for a
// flag that is set already.
func (s *seriesState) set(flag uint32) {
	if !s.has(flag) {
		s.flags.Or(flag)
	}
}

func (s *seriesState) clear(flag uint32) { s.flags.And(^flag) }

// show makes the series reported under its own name.
func (s *series) show() { s.state.set(live) }

// isLive reports whether the series is reported under its own name.
func (s *series) isLive() bool { return s.state.has(live) }

// shown reports whether the series is reported under any name.
func (s *series) shown() bool { return s.isLive() || s.mirrored.Load() }

func (s *series) addInt64(increment int64) {
	if increment < 0 {
		s.metric.recorder.refuse()
		return
	}
	if total := int64(s.bits.Add(uint64(increment))); total < 0 { //nolint:gosec // Both are int64 bits.
		// A total that stops is less wrong than one that turns negative.
		s.bits.Store(math.MaxInt64)
		s.metric.recorder.refuse()
	}
	if !s.state.settled() {
		s.settleAddition()
	}
}

func (s *series) addFloat64(increment float64) {
	if !(increment >= 0 && increment <= math.MaxFloat64) {
		s.metric.recorder.refuse()
		return
	}
	if !addFloat64(&s.bits, increment) {
		s.metric.recorder.refuse()
		return
	}
	if !s.state.settled() {
		s.settleAddition()
	}
}

// addFloat64 adds to the float64 whose bits are given. If the total would be infinite, it
// adds nothing and reports false.
func addFloat64(bits *atomic.Uint64, increment float64) bool {
	for {
		old := bits.Load()
		total := math.Float64frombits(old) + increment
		if !finite(total) {
			return false
		}
		if bits.CompareAndSwap(old, math.Float64bits(total)) {
			return true
		}
	}
}

// settle shows the series, which every measurement does. It reports false
// for the series that stands for all that cannot be bound.
func (s *series) settle() bool {
	if s.state.has(unbound) {
		s.metric.recorder.refuse()
		return false
	}
	s.show()
	return true
}

func (s *series) settleAddition() {
	if s.settle() && s.state.has(withInstruments) {
		for _, i := range s.inRegistrations() {
			i.catchUp()
		}
	}
}

func (s *series) setInt64(value int64) {
	s.bits.Store(uint64(value)) //nolint:gosec // The bits are read back as an int64.
	if !s.state.settled() {
		s.settle()
	}
}

func (s *series) setFloat64(value float64) {
	if !finite(value) {
		s.metric.recorder.refuse()
		return
	}
	s.bits.Store(math.Float64bits(value))
	if !s.state.settled() {
		s.settle()
	}
}

// finite reports whether v is neither NaN nor infinite.
func finite(v float64) bool { return v-v == 0 }

// A delta is what one producer of deltas has reported of a series.
type delta struct {
	producer weak.Pointer[Producer]
	bits     uint64   // the value
	counts   []uint64 // the buckets
	count    uint64   // their sum

	exponential exponentialCounts
	interval    interval // what was not reported yet, besides the buckets
}

// delta returns what p has reported of the series. The recorder's collecting lock is held.
func (s *series) delta(p *Producer) *delta {
	e := s.extend()
	for len(e.deltas) <= p.slot {
		e.deltas = append(e.deltas, delta{})
	}
	d := &e.deltas[p.slot]
	if producer := p.recorder.producers[p.slot]; d.producer != producer {
		*d = delta{producer: producer}
	}
	return d
}

// A seriesSet is one engine's series of one metric.
type seriesSet struct {
	byLabels map[string]*series // by the tuple of label values
	ordered  []*series          // appended to; replaced when series are removed
}

func (set *seriesSet) find(labelValues []string) *series {
	var buffer [128]byte
	return set.byLabels[string(tuple.Append(buffer[:0], labelValues))]
}

func (set *seriesSet) add(s *series) {
	if set.byLabels == nil {
		set.byLabels = make(map[string]*series)
	}
	set.byLabels[string(tuple.Append(nil, s.labelValues))] = s
	set.ordered = append(set.ordered, s)
}

// remove removes the series that match, and returns them.
func (set *seriesSet) remove(match func(*series) bool) []*series {
	var gone, kept []*series
	for _, s := range set.ordered {
		if match(s) {
			gone = append(gone, s)
		} else {
			kept = append(kept, s)
		}
	}
	if gone != nil {
		set.ordered = kept
		maps.DeleteFunc(set.byLabels, func(_ string, s *series) bool { return match(s) })
	}
	return gone
}
