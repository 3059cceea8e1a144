// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"math"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
)

// A series is one definition, one engine and one tuple of label values. It owns
// its state, and OpenTelemetry reads it.
//
// It is two cache lines. A measurement writes the first line and only reads the second,
// so writers do not invalidate the second. A collection reads both, and little else.
type series struct {
	// bits is the value of a counter or gauge: an int64, or a float64's bits.
	bits        atomic.Uint64
	labelValues []string
	mirrors     []attribute.Set // its attributes under the names of its mirrors
	// instruments are its parts in [Recorder.RegisterInstruments], nil without one.
	instruments atomic.Pointer[[]*instrumentSeries]

	metric *recorderMetric
	cell   *histogramCell // of a histogram
	state  seriesState
	// mirrored says that the series' mirrors are reported even while it is not.
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

// extend returns the extras of the series, and makes them first.
func (s *series) extend() *extras {
	if s.extras.Load() == nil {
		s.extras.CompareAndSwap(nil, new(extras))
	}
	return s.extras.Load()
}

// A seriesState is what a measurement has to know of its series besides the value, in
// one word, so that it looks once: there is nothing more to do where it equals live.
type seriesState struct{ flags atomic.Uint32 }

const (
	// live says that the series is reported under its own name. The first
	// measurement sets it, and so does priming.
	live = 1 << iota
	// withInstruments says that the series has instruments.
	withInstruments
	// withExponential says that a histogram has exponential buckets too.
	withExponential
	// unbound says that the series stands for one that could not be bound.
	unbound
)

// settled reports whether there is nothing more to do for a measurement.
func (s *seriesState) settled() bool { return s.flags.Load() == live }

func (s *seriesState) has(flag uint32) bool { return s.flags.Load()&flag != 0 }

// set sets a flag. It reads before it writes, so that goroutines do not contend for
// flags that are set already.
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
		// A total that stands still is wrong by less than one that turns negative.
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
	for {
		old := s.bits.Load()
		total := math.Float64frombits(old) + increment
		if total > math.MaxFloat64 {
			s.metric.recorder.refuse()
			return
		}
		if s.bits.CompareAndSwap(old, math.Float64bits(total)) {
			break
		}
	}
	if !s.state.settled() {
		s.settleAddition()
	}
}

// settle shows the series, which is what a measurement calls for besides the value. It
// reports false for a series that stands for one that could not be bound.
func (s *series) settle() bool {
	if s.state.has(unbound) {
		s.metric.recorder.refuse()
		return false
	}
	s.show()
	return true
}

// settleAddition does what an addition calls for besides the value.
func (s *series) settleAddition() {
	if !s.settle() {
		return
	}
	if instruments := s.instruments.Load(); instruments != nil {
		s.addToInstruments(*instruments)
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

func (s *series) int64() int64 { return int64(s.bits.Load()) } //nolint:gosec // See setInt64.

// int64Total is int64 for a counter, whose total never shows as negative.
func (s *series) int64Total() int64 {
	if v := s.int64(); v >= 0 {
		return v
	}
	return math.MaxInt64
}

func (s *series) float64() float64 { return math.Float64frombits(s.bits.Load()) }

// finite reports whether v is neither NaN nor infinite.
func finite(v float64) bool { return v-v == 0 }

// A delta is what one producer of deltas has told of a series.
type delta struct {
	producer uint64   // whose it is
	bits     uint64   // the value
	counts   []uint64 // the buckets

	exponential exponentialCounts
	count       uint64   // their sum
	interval    interval // what was not told yet, besides the buckets
}

// delta returns what p has told of the series. It is called, as is all that
// collects, while the recorder's collecting lock is held.
func (s *series) delta(p *Producer) *delta {
	e := s.extend()
	for len(e.deltas) <= p.slot {
		e.deltas = append(e.deltas, delta{})
	}
	d := &e.deltas[p.slot]
	if d.producer != p.id {
		*d = delta{producer: p.id}
	}
	return d
}
