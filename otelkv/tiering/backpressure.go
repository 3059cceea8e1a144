// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
)

// A BackPressurePolicy says which stores are dropped while a tier is under
// pressure. Its values are vLLM's class names.
type BackPressurePolicy string

// The policies of vLLM.
const (
	// ThrottledDropPolicy drops the more stores the further the average is above
	// the high mark: none at the mark, all of them at three times the mark. It is
	// vLLM's default.
	ThrottledDropPolicy BackPressurePolicy = "ThrottledDropPolicy"
	// DropStorePolicy drops every store.
	DropStorePolicy BackPressurePolicy = "DropStorePolicy"
)

// BackPressure configures the back-pressure detector of one tier, which is
// vLLM's EMABackpressureDetector. The fields are those of vLLM's configuration,
// and every value means what it says: a zero is not replaced by a default.
// [DefaultBackPressure] returns the defaults of a tier, and [ParseBackPressure]
// reads vLLM's JSON.
type BackPressure struct {
	// Policy is policy_cls.
	Policy BackPressurePolicy
	// HighWater is high_water_s, in seconds per MiB. A tier comes under pressure
	// when its average is above it.
	HighWater float64
	// LowWater is low_water_s, in seconds per MiB. Pressure ends when the average
	// is below it. It is above 0 and at most HighWater.
	LowWater float64
	// Alpha is the weight of the newest sample in the exponential moving average,
	// above 0 and at most 1.
	Alpha float64
	// WarmupCompletions is warmup_completions: the number of completed stores
	// whose mean seeds the average. None of them can bring the tier under pressure.
	WarmupCompletions int
	// DecayHalfLife is decay_half_life_s: the time in which the average of a tier
	// under pressure halves if no store completes. With 0 it does not decay.
	DecayHalfLife time.Duration
	// Cooldown is cooldown_s: for so long after pressure ended, every second store
	// is dropped. With 0 there is no cooldown.
	Cooldown time.Duration

	wrong error // that the defaults were asked for something that is no type
}

// Defaults of vLLM's EMABackpressureDetector.
const (
	defaultAlpha         = 0.3
	defaultWarmup        = 3
	defaultDecayHalfLife = 2 * time.Second
	defaultCooldown      = time.Second

	localHighWater, localLowWater     = 0.005, 0.001
	networkHighWater, networkLowWater = 0.020, 0.005
)

// DefaultBackPressure returns what vLLM configures for a tier of a type, such as
// "fs". Its marks are those of local storage, or those of a network if the type
// is "obj" or the locality is "REMOTE", in upper or lower case. A tier of type
// "p2p" has the marks of local storage.
//
// These are the values of vLLM's detector when it was merged. The release v0.33.0 has
// others: an alpha of 0.15, a warm-up of 10, marks of 0.010 and 0.002 (local) and of
// 0.050 and 0.010 (network). Its throttle adds rates up instead of counting, and three
// failed stores in a row bring a tier under pressure. The first can be configured here;
// the other two cannot.
func DefaultBackPressure(tierType, locality string) BackPressure {
	b := BackPressure{
		Policy:            ThrottledDropPolicy,
		HighWater:         localHighWater,
		LowWater:          localLowWater,
		Alpha:             defaultAlpha,
		WarmupCompletions: defaultWarmup,
		DecayHalfLife:     defaultDecayHalfLife,
		Cooldown:          defaultCooldown,
		wrong:             tier.CheckType(tierType),
	}
	if tierType == "obj" || strings.EqualFold(locality, "REMOTE") {
		b.HighWater, b.LowWater = networkHighWater, networkLowWater
	}
	return b
}

func (b BackPressure) validate(index int) error {
	var errs []error
	refuse := func(format string, values ...any) {
		errs = append(errs, fmt.Errorf("otelkv: tiering: back-pressure for tier %d: %s", index, fmt.Sprintf(format, values...)))
	}
	if b.wrong != nil {
		refuse("%v", b.wrong)
	}
	if b.Policy != ThrottledDropPolicy && b.Policy != DropStorePolicy {
		refuse("Policy is %s, expected %s or %s", tier.Quote(string(b.Policy)), ThrottledDropPolicy, DropStorePolicy)
	}
	if !(b.LowWater > 0 && b.LowWater <= b.HighWater) || math.IsInf(b.HighWater, 0) {
		refuse("LowWater is %v and HighWater is %v, expected 0 < LowWater <= HighWater < +Inf", b.LowWater, b.HighWater)
	}
	if !(b.Alpha > 0 && b.Alpha <= 1) {
		refuse("Alpha is %v, expected above 0 and at most 1", b.Alpha)
	}
	if b.WarmupCompletions < 0 {
		refuse("WarmupCompletions is %d, expected at least 0", b.WarmupCompletions)
	}
	if b.DecayHalfLife < 0 {
		refuse("DecayHalfLife is %v, expected at least 0", b.DecayHalfLife)
	}
	if b.Cooldown < 0 {
		refuse("Cooldown is %v, expected at least 0", b.Cooldown)
	}
	return errors.Join(errs...)
}

// AdmitStore tells whether a store of so many chunks to a secondary tier, given
// by its index, should be made, as vLLM's should_store does. Ask before the
// cascade is started. If the answer is no, the store and its chunks are counted
// as dropped. It is always yes for a tier without a detector.
func (t *Tracker) AdmitStore(tier, chunks int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.detector(tier)
	if d == nil || d.admit(t.now()) {
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
	t.detector(tier).drop(chunks)
}

// StoreLatency returns the moving average of a tier's store latency, in seconds
// per MiB, and whether the tier is under pressure. It queries the pressure as
// [Tracker.AdmitStore] does: the average of a tier under pressure decays, and
// pressure may end. Both are zero for a tier without a detector, and while the
// detector warms up.
func (t *Tracker) StoreLatency(tier int) (secondsPerMiB float64, pressed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.detector(tier)
	if d == nil {
		return 0, false
	}
	pressed = d.underPressure(t.now())
	return d.average, pressed
}

// ResetBackPressure makes every detector start again, as vLLM does in
// reset_cache. The next payload holds an average of 0 and no dropped stores: those
// that were not taken yet are forgotten. With a binder drops are counted when
// they happen, so there are none to forget.
func (t *Tracker) ResetBackPressure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.tiers {
		t.tiers[i].pressure.reset()
	}
}

// detector returns the detector of a secondary tier, nil if there is none. It counts
// the call as rejected if there is no such tier.
func (t *Tracker) detector(tier int) *detector {
	if tier < 1 || tier >= len(t.tiers) {
		t.rejected++
		return nil
	}
	return t.tiers[tier].pressure
}
