package tiering

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// mebibyte is the unit of size of the store latency.
const mebibyte = 1 << 20

// BackPressure holds the parameters of a tier's back-pressure detector. A zero
// field takes its default.
//
// The names, labels and unit of the metrics, the smoothing factor, the warm-up
// and the hysteresis are those of vLLM. The marks in force there depend on the
// tier's medium and are not published as a contract, and neither is the share of
// stores that it drops between them; the defaults here are the marks of its
// first version, read in seconds per MiB, and every store is dropped while the
// tier is under pressure but for the probes. Set the marks for your medium.
type BackPressure struct {
	// Alpha is the weight of the newest sample in the exponential moving average,
	// above 0 and at most 1. Default 0.3.
	Alpha float64
	// Warmup is the number of completed stores whose mean starts the average.
	// There is no verdict before. Default 3.
	Warmup int
	// High is the average, in seconds per MiB, at which pressure begins. Default 1.
	High float64
	// Low is the average, in seconds per MiB, at which pressure ends. Default 0.5,
	// or half of High if High is set.
	Low float64
	// ProbeEvery lets one of so many stores through under pressure, since the
	// average moves only when stores complete. Default 16; negative for none,
	// which is vLLM's rule and leaves it to [Tracker.ResetBackPressure] to end a
	// pressure that no store in flight can end.
	ProbeEvery int
}

func (b BackPressure) withDefaults() BackPressure {
	if b.Alpha == 0 {
		b.Alpha = 0.3
	}
	if b.Warmup == 0 {
		b.Warmup = 3
	}
	if b.High == 0 {
		b.High = 1
	}
	if b.Low == 0 {
		b.Low = b.High / 2
	}
	if b.ProbeEvery == 0 {
		b.ProbeEvery = 16
	}
	return b
}

func (b BackPressure) validate(tier int) error {
	var errs []error
	refuse := func(format string, values ...any) {
		errs = append(errs, fmt.Errorf("otelkv: tiering: back-pressure for tier %d: %s", tier, fmt.Sprintf(format, values...)))
	}
	if !(b.Alpha > 0 && b.Alpha <= 1) {
		refuse("Alpha is %v, expected above 0 and at most 1", b.Alpha)
	}
	if b.Warmup < 0 {
		refuse("Warmup is %d, expected at least 1", b.Warmup)
	}
	if !(b.Low > 0 && b.Low <= b.High) || math.IsInf(b.High, 0) {
		refuse("Low is %v and High is %v, expected 0 < Low <= High < +Inf", b.Low, b.High)
	}
	return errors.Join(errs...)
}

// A detector watches the stores of one tier. A nil detector sees no pressure and
// records nothing.
type detector struct {
	BackPressure
	ema           stats.Recorder[float64]
	storesDropped stats.Adder[int64]
	blocksDropped stats.Adder[int64]

	samples  int
	sum      float64
	average  float64
	pressed  bool
	refusals int
}

func bindDetector(s *sink.Sink, tier Tier, parameters BackPressure) *detector {
	label := tier.String()
	return &detector{
		BackPressure:  parameters,
		ema:           s.Float64Gauge(vllm.BackPressureStoreLatencyEMA, label),
		storesDropped: s.Int64Counter(vllm.BackPressureStoresDropped, label),
		blocksDropped: s.Int64Counter(vllm.BackPressureBlocksDropped, label),
	}
}

func (d *detector) warm() bool { return d.samples >= d.Warmup }

// observe takes the latency of a store that completed. One that moved nothing
// says nothing about the tier.
func (d *detector) observe(latency time.Duration, bytes int64) {
	if d == nil || bytes <= 0 {
		return
	}
	sample := max(latency, 0).Seconds() / (float64(bytes) / mebibyte)
	if d.warm() {
		d.average += d.Alpha * (sample - d.average)
	} else {
		d.samples++
		d.sum += sample
		if !d.warm() {
			return
		}
		d.average = d.sum / float64(d.samples)
	}
	switch {
	case d.average >= d.High:
		d.pressed = true
	case d.average <= d.Low:
		d.pressed, d.refusals = false, 0
	}
	d.record()
}

func (d *detector) record() {
	if d != nil && d.warm() {
		d.ema.Record(d.average)
	}
}

// admit decides about one store, and lets a probe through now and then.
func (d *detector) admit() bool {
	if d == nil || !d.pressed {
		return true
	}
	d.refusals++
	return d.ProbeEvery > 0 && d.refusals%d.ProbeEvery == 0
}

func (d *detector) drop(chunks int) {
	if d != nil {
		d.storesDropped.Add(1)
		d.blocksDropped.Add(max(int64(chunks), 0))
	}
}

// AdmitStore tells whether a store of so many chunks to a secondary tier, given
// by its index, should be made, before its cascade is started. If the tier is
// under back-pressure the answer is mostly no, and the store and its chunks are
// counted as dropped. It is always yes for a tier without a detector.
func (t *Tracker) AdmitStore(tier, chunks int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isSecondary(tier) {
		return true
	}
	d := t.tiers[tier].pressure
	if d.admit() {
		return true
	}
	d.drop(chunks)
	return false
}

// RecordDroppedStore counts a store of so many chunks that the service dropped
// by a policy of its own; see [Tracker.StoreLatency]. It does nothing for a tier
// without a detector.
func (t *Tracker) RecordDroppedStore(tier, chunks int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isSecondary(tier) {
		t.tiers[tier].pressure.drop(chunks)
	}
}

// StoreLatency returns the moving average of a tier's store latency, in seconds
// per MiB, and whether the tier is under pressure. Both are zero for a tier
// without a detector, and while the detector warms up.
func (t *Tracker) StoreLatency(tier int) (secondsPerMiB float64, pressed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isSecondary(tier) || t.tiers[tier].pressure == nil {
		return 0, false
	}
	return t.tiers[tier].pressure.average, t.tiers[tier].pressure.pressed
}

// ResetBackPressure makes every detector start again, as vLLM does when its
// cache is reset. With [WithBinder] the gauges keep their last value until the
// detectors have warmed up.
func (t *Tracker) ResetBackPressure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.tiers {
		if d := t.tiers[i].pressure; d != nil {
			d.samples, d.sum, d.average, d.pressed, d.refusals = 0, 0, 0, false, 0
		}
	}
}

// isSecondary reports whether the tracker has a secondary tier of the index, and
// counts the call as rejected if not.
func (t *Tracker) isSecondary(tier int) bool {
	if tier >= 1 && tier < len(t.tiers) {
		return true
	}
	t.rejected++
	return false
}
