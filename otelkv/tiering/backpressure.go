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

// A BackPressurePolicy says which stores are dropped while a tier is under pressure. Its
// values are vLLM's class names.
type BackPressurePolicy string

// The policies of vLLM.
const (
	// ThrottledDropPolicy drops no store if the average is at the high mark, all stores
	// if it is three times the mark or more, and a part of them in between. It is vLLM's
	// default.
	ThrottledDropPolicy BackPressurePolicy = "ThrottledDropPolicy"
	// DropStorePolicy drops every store.
	DropStorePolicy BackPressurePolicy = "DropStorePolicy"
)

// BackPressure configures the back-pressure detector of one tier, which is vLLM's
// EMABackpressureDetector. The fields are those of vLLM's configuration. A zero is not
// replaced by a default: [DefaultBackPressure] returns the defaults of a tier, and
// [ParseBackPressure] reads vLLM's JSON.
type BackPressure struct {
	// Policy is policy_cls.
	Policy BackPressurePolicy
	// HighWater is high_water_s, in seconds per MiB. A tier comes under pressure when its
	// average is above it.
	HighWater float64
	// LowWater is low_water_s, in seconds per MiB. Pressure ends when the average is
	// below it. It is above 0 and at most HighWater.
	LowWater float64
	// Alpha is the weight of the newest sample in the exponential moving average, above 0
	// and at most 1.
	Alpha float64
	// WarmupCompletions is warmup_completions: the number of completed stores whose mean
	// is the first average. None of them can bring the tier under pressure.
	WarmupCompletions int
	// DecayHalfLife is decay_half_life_s: the time in which the average of a tier under
	// pressure halves if no store completes. With 0 it does not decay.
	DecayHalfLife time.Duration
	// Cooldown is cooldown_s: every second store is dropped for this time after pressure
	// ended. With 0 there is no cooldown.
	Cooldown time.Duration

	wrong error // DefaultBackPressure was called with something that is no type
}

// DefaultBackPressure returns what vLLM configures for a tier of a type, such as "fs". The
// marks are those of a network if the type is "obj" or the locality is "REMOTE", in upper
// or lower case. Otherwise they are those of local storage, also for the type "p2p".
//
// These are the values of vLLM's detector when it was merged. The release v0.33.0 has
// others: an alpha of 0.15, a warm-up of 10, marks of 0.010 and 0.002 (local) and of
// 0.050 and 0.010 (network). They can be configured here. In that release, the throttle
// also adds rates up instead of counting, and three failed stores in a row bring a tier
// under pressure. These two cannot be configured.
func DefaultBackPressure(tierType, locality string) BackPressure {
	b := BackPressure{
		Policy:            ThrottledDropPolicy,
		HighWater:         0.005,
		LowWater:          0.001,
		Alpha:             0.3,
		WarmupCompletions: 3,
		DecayHalfLife:     2 * time.Second,
		Cooldown:          time.Second,
		wrong:             tier.CheckType(tierType),
	}
	if tierType == "obj" || strings.EqualFold(locality, "REMOTE") {
		b.HighWater, b.LowWater = 0.020, 0.005
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

// AdmitStore reports whether to store so many chunks to a secondary tier, given by its
// index, as vLLM's should_store does. Call it before the cascade starts. If it returns
// false, it has counted the store and its chunks as dropped. It always returns true for a
// tier without a detector.
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

// RecordDroppedStore counts a store of so many chunks that the service dropped by a policy
// of its own; see [Tracker.StoreLatency]. It does nothing for a tier without a detector.
func (t *Tracker) RecordDroppedStore(tier, chunks int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detector(tier).drop(chunks)
}

// StoreLatency returns the moving average of a tier's store latency, in seconds per MiB,
// and whether the tier is under pressure. As with [Tracker.AdmitStore], the call makes the
// average of a tier under pressure decay, and pressure may end. Both results are zero for
// a tier without a detector, and while the detector warms up.
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

// ResetBackPressure restarts every detector, as vLLM does in reset_cache. The next payload
// has an average of 0 and no dropped stores: those that were not taken yet are forgotten.
// With a binder, drops are counted when they happen, so none is forgotten.
func (t *Tracker) ResetBackPressure() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.tiers {
		t.tiers[i].pressure.reset()
	}
}

// detector returns the detector of a secondary tier, or nil if it has none. If there is no
// such tier, it counts the call as rejected.
func (t *Tracker) detector(tier int) *detector {
	if tier < 1 || tier >= len(t.tiers) {
		t.rejected++
		return nil
	}
	return t.tiers[tier].pressure
}
