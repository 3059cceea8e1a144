// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"math"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const (
	// mebibyte is the unit of size of the store latency.
	mebibyte = 1 << 20
	// rampFactor says by how many times the high mark the average must exceed it for
	// [ThrottledDropPolicy] to drop every store.
	rampFactor = 2.0
	// healthyStreak is the number of completions in a row, each with an average below the
	// low mark, after which every store is admitted without a check.
	healthyStreak = 10
)

// A detector watches the stores of one tier by the rules of vLLM's
// EMABackpressureDetector. It drops stores by one of vLLM's policies.
type detector struct {
	BackPressure
	ema           stats.Recorder[float64]
	storesDropped stats.Adder[int64]
	blocksDropped stats.Adder[int64]
	// immediate says that drops are counted when they happen, and not when the next
	// payload is taken.
	immediate bool
	detection
}

// A detection is the state of a detector.
type detection struct {
	completions int
	sum         float64       // of the samples of the warm-up
	average     float64       // in seconds per MiB
	updated     time.Duration // when the average last changed
	healthy     int           // completions in a row below the low mark

	pressed      bool
	cleared      bool          // pressure has ended, and has not returned
	clearedAt    time.Duration // when it ended
	cooldownAsks int           // calls of admit since then
	throttleAsks int           // calls that ThrottledDropPolicy decided

	stores, blocks int64 // dropped, and not yet counted
}

func bindDetector(s *sink.Sink, label string, parameters BackPressure, immediate bool) *detector {
	return &detector{
		BackPressure:  parameters,
		ema:           s.Float64Gauge(vllm.BackPressureStoreLatencyEMA, label),
		storesDropped: s.Int64Counter(vllm.BackPressureStoresDropped, label),
		blocksDropped: s.Int64Counter(vllm.BackPressureBlocksDropped, label),
		immediate:     immediate,
	}
}

// completed takes the latency of a store that succeeded. It ignores a store that moved
// nothing.
func (d *detector) completed(now, latency time.Duration, bytes int64) {
	if d == nil || bytes <= 0 {
		return
	}
	sample := max(latency, 0).Seconds() / (float64(bytes) / mebibyte)
	if d.completions < d.WarmupCompletions {
		d.warmUp(now, sample)
	} else {
		// The conversions keep the compiler from fusing the operations, which would round
		// differently from vLLM.
		d.average = float64(d.Alpha*sample) + float64((1-d.Alpha)*d.average)
		d.updated = now
		d.judge(now)
	}
	d.ema.Record(d.average)
}

func (d *detector) warmUp(now time.Duration, sample float64) {
	d.completions++
	d.sum += sample
	if d.completions == d.WarmupCompletions {
		d.average = d.sum / float64(d.completions)
		d.updated = now
	}
}

// judge compares the average with the marks, after the warm-up.
func (d *detector) judge(now time.Duration) {
	switch {
	case d.average > d.HighWater:
		d.pressed, d.cleared = true, false
		d.healthy = 0
	case d.average < d.LowWater:
		if d.pressed {
			d.clear(now)
		}
		d.healthy = min(d.healthy+1, healthyStreak)
	default:
		d.healthy = 0
	}
}

// clear ends the pressure and starts the cooldown.
func (d *detector) clear(now time.Duration) {
	d.pressed, d.cleared = false, true
	d.clearedAt, d.cooldownAsks = now, 0
}

// underPressure makes the average decay, and reports whether there is pressure.
func (d *detector) underPressure(now time.Duration) bool {
	if !d.pressed {
		return false
	}
	if idle := now - d.updated; idle > 0 && d.DecayHalfLife > 0 {
		d.average *= math.Exp2(-idle.Seconds() / d.DecayHalfLife.Seconds())
		d.updated = now
		d.ema.Record(d.average)
	}
	if d.average < d.LowWater {
		d.clear(now)
	}
	return d.pressed
}

// admit decides about one store. The call that ends the pressure does not count for the
// cooldown.
func (d *detector) admit(now time.Duration) bool {
	switch {
	case d.pressed:
		return !d.underPressure(now) || d.Policy != DropStorePolicy && d.throttle()
	case d.healthy >= healthyStreak:
		return true
	case d.cleared && now-d.clearedAt < d.Cooldown:
		d.cooldownAsks++
		return d.cooldownAsks%2 != 0
	}
	return true
}

// throttle decides about one store under pressure by [ThrottledDropPolicy].
func (d *detector) throttle() bool {
	rate := min(1, (d.average-d.HighWater)/d.HighWater/rampFactor)
	switch {
	case rate <= 0: // between the marks
		return true
	case rate >= 1:
		return false
	}
	d.throttleAsks++
	// Above it, every store would be admitted.
	period := min(math.RoundToEven(1/rate), math.MaxInt32)
	return d.throttleAsks%max(2, int(period)) != 0
}

func (d *detector) drop(chunks int) {
	if d == nil {
		return
	}
	d.stores++
	d.blocks += max(int64(chunks), 0)
	if d.immediate {
		d.countDrops()
	}
}

// record records what a payload has: the average, from the first payload on, and the drops
// since the last payload, if there are any.
func (d *detector) record() {
	if d == nil {
		return
	}
	d.ema.Record(d.average)
	d.countDrops()
}

func (d *detector) countDrops() {
	if d.stores > 0 {
		d.storesDropped.Add(d.stores)
	}
	if d.blocks > 0 {
		d.blocksDropped.Add(d.blocks)
	}
	d.stores, d.blocks = 0, 0
}

// reset brings the detector back to its first state.
func (d *detector) reset() {
	if d == nil {
		return
	}
	d.detection = detection{}
	d.ema.Record(0)
}
