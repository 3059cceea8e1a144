package otelkv

import (
	"math"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/schema"
)

// A series is one definition, one engine and one tuple of label values. It owns
// its state, and OpenTelemetry reads it.
//
// It is two cache lines. A measurement writes the first, and reads the second,
// which one goroutine's write does not take from the others then. A collection
// reads both, which lie together, and little else.
type series struct {
	// bits is the value of a counter or gauge: an int64, or a float64's bits.
	bits        atomic.Uint64
	labelValues []string
	mirrors     []attribute.Set // its attributes under the names of its mirrors
	instruments *instruments    // on another provider than ours

	metric *instrumented
	cell   *histogramCell // of a histogram on a pipeline of ours
	// live says that the series is reported under its own name. The first
	// measurement sets it, and so does priming.
	live atomic.Bool
	// mirrored says that the series' mirrors are reported even while it is not.
	mirrored   atomic.Bool
	attributes attribute.Set
	start      int64    // of its count, in Unix nanoseconds
	deltas     *[]delta // one for each reader of ours
}

// instruments are what a series needs on a provider that measures by instruments.
type instruments struct {
	options []metric.ObserveOption // of a counter or gauge: its own, then one for each mirror
	samples []sampleOptions        // of a histogram, likewise
	// finished says that samples must not be recorded any more.
	finished atomic.Bool
}

// show makes the series reported under its own name. It reads before it writes,
// so that series which are live already do not contend for the flag.
func (s *series) show() {
	if !s.live.Load() {
		s.live.Store(true)
	}
}

// shown reports whether the series is reported under any name.
func (s *series) shown() bool { return s.live.Load() || s.mirrored.Load() }

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
	s.show()
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
			s.show()
			return
		}
	}
}

func (s *series) setInt64(value int64) {
	s.bits.Store(uint64(value)) //nolint:gosec // The bits are read back as an int64.
	s.show()
}

func (s *series) setFloat64(value float64) {
	if !finite(value) {
		s.metric.recorder.refuse()
		return
	}
	s.bits.Store(math.Float64bits(value))
	s.show()
}

// observable reports whether the series is one that a callback reports.
func (s *series) observable() bool { return s.instruments != nil && len(s.instruments.options) > 0 }

// inherit makes a counter go on from the total of another.
func (s *series) inherit(from *series) {
	if from.mirrored.Load() {
		s.mirrored.Store(true)
	}
	switch {
	case !from.live.Load():
	case s.metric.definition.Number() == schema.NumberKindInt64:
		s.addInt64(from.int64Total())
	default:
		s.addFloat64(from.float64())
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

// A delta is what one reader that wants deltas has been told of a series.
type delta struct {
	bits     uint64   // the value
	counts   []uint64 // the buckets
	count    uint64   // their sum
	interval interval // what it has not been told yet, besides the buckets
}

// delta returns what r has been told of the series. It is called, as are all
// methods that collect, while the recorder's collecting lock is held.
func (s *series) delta(r *reader) *delta {
	if s.deltas == nil {
		s.deltas = new([]delta)
	}
	for len(*s.deltas) <= r.index {
		d := delta{}
		if s.cell != nil {
			d.interval = s.cell.total
		}
		*s.deltas = append(*s.deltas, d)
	}
	return &(*s.deltas)[r.index]
}
