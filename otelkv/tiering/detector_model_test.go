// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A literal is the oracle of a detector: vLLM's rules, sentence by sentence, with
// its names, seconds as floats, samples in a list and None as nil. It shares no
// line with the detector.
type literal struct {
	config tiering.BackPressure

	samples      []float64 // all of them
	ema          float64
	lastUpdate   time.Duration
	underPress   bool
	lows         []bool // of each completion with a verdict: was the EMA below low?
	clearedAt    *time.Duration
	cooldownAsks int
	throttleAsks int
	stores       int
	blocks       int
}

func (l *literal) update(now time.Duration, seconds, bytes float64) {
	if bytes <= 0 {
		return
	}
	x := seconds / (bytes / math.Pow(2, 20))
	l.samples = append(l.samples, x)
	warmup := l.config.WarmupCompletions
	if len(l.samples) <= warmup {
		if len(l.samples) == warmup {
			sum := 0.0
			for _, sample := range l.samples {
				sum += sample
			}
			l.ema, l.lastUpdate = sum/float64(warmup), now
		}
		return
	}
	newest := l.config.Alpha * x
	oldest := (1 - l.config.Alpha) * l.ema
	l.ema, l.lastUpdate = newest+oldest, now
	if l.ema > l.config.HighWater {
		l.underPress, l.clearedAt = true, nil
	}
	low := l.ema < l.config.LowWater
	l.lows = append(l.lows, low)
	if low && l.underPress {
		l.underPress, l.clearedAt, l.cooldownAsks = false, &now, 0
	}
}

func (l *literal) isUnderPressure(now time.Duration) bool {
	if !l.underPress {
		return false
	}
	dt, halfLife := (now - l.lastUpdate).Seconds(), l.config.DecayHalfLife.Seconds()
	if dt > 0 && halfLife > 0 {
		l.ema *= math.Pow(0.5, dt/halfLife)
		l.lastUpdate = now
	}
	if l.ema < l.config.LowWater {
		l.underPress, l.clearedAt, l.cooldownAsks = false, &now, 0
	}
	return l.underPress
}

func (l *literal) isHealthy() bool {
	if len(l.lows) < 10 {
		return false
	}
	for _, low := range l.lows[len(l.lows)-10:] {
		if !low {
			return false
		}
	}
	return true
}

func (l *literal) shouldStore(now time.Duration, chunks int) bool {
	if l.isHealthy() {
		return true
	}
	drop := false
	switch cooling := !l.underPress && l.clearedAt != nil && now-*l.clearedAt < l.config.Cooldown; {
	case cooling:
		l.cooldownAsks++
		drop = l.cooldownAsks%2 == 0
	case !l.isUnderPressure(now):
	case l.config.Policy == tiering.DropStorePolicy:
		drop = true
	default:
		rate := math.Min(1, ((l.ema-l.config.HighWater)/l.config.HighWater)/2)
		if rate >= 1 {
			drop = true
		} else if rate > 0 {
			l.throttleAsks++
			drop = l.throttleAsks%int(math.Max(2, math.RoundToEven(1/rate))) == 0
		}
	}
	if drop {
		l.stores++
		l.blocks += chunks
	}
	return !drop
}

// read is what a payload holds, of which the drops are popped.
func (l *literal) read(label string) reduced {
	r := reduced{of(vllm.BackPressureStoreLatencyEMA, label, ""): l.ema}
	if l.stores > 0 {
		r[of(vllm.BackPressureStoresDropped, label, "")] = float64(l.stores)
	}
	if l.blocks > 0 {
		r[of(vllm.BackPressureBlocksDropped, label, "")] = float64(l.blocks)
	}
	l.stores, l.blocks = 0, 0
	return r
}

// TestDetectorModel drives a detector and the oracle with the same random events,
// and compares every answer and every payload.
func TestDetectorModel(t *testing.T) {
	var admitted, dropped, presses, clears, healthy int
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 5))
			parameters := randomBackPressure(r)
			d := newWatched(t, "fs", parameters)
			l := &literal{config: parameters}
			begin := d.clock.read()
			now := func() time.Duration { return d.clock.read().Sub(begin) }
			level := parameters.HighWater
			for step := range 600 {
				before := l.underPress
				if r.IntN(40) == 0 { // the tier becomes faster or slower
					level = parameters.LowWater * math.Pow(2, 6*r.Float64()-2)
				}
				switch event := r.IntN(20); {
				case event < 8:
					bytes := r.Int64N(4 * mebibyte)
					seconds := level * float64(bytes) / mebibyte * (0.5 + r.Float64())
					job := d.StartCascade(1, 1)
					job.SetBytes(bytes)
					started := now()
					d.clock.advance(time.Duration(seconds * float64(time.Second)))
					if r.IntN(10) == 0 {
						job.Fail()
						break
					}
					job.Succeed()
					l.update(now(), (now() - started).Seconds(), float64(bytes))
				case event < 16:
					chunks := r.IntN(4)
					want := l.shouldStore(now(), chunks)
					if got := d.AdmitStore(1, chunks); got != want {
						t.Fatalf("step %d: the store is admitted: %t, want %t, at an average of %v", step, got, want, l.ema)
					}
					if want {
						admitted++
					} else {
						dropped++
					}
					if l.isHealthy() {
						healthy++
					}
				case event < 17:
					want := l.isUnderPressure(now())
					ema, got := d.StoreLatency(1)
					if got != want || !near(ema, l.ema) {
						t.Fatalf("step %d: average %v, pressed %t, want %v, %t", step, ema, got, l.ema, want)
					}
					if want {
						presses++
					}
				case event < 18:
					d.clock.advance(time.Duration(r.ExpFloat64() * float64(parameters.DecayHalfLife+parameters.Cooldown)))
				case event < 19 || r.IntN(10) > 0:
					compare(t, step, l.read(d.label), d.read())
				default:
					d.ResetBackPressure()
					*l = literal{config: parameters}
					before = false
				}
				if before && !l.underPress {
					clears++
				}
			}
			compare(t, 600, l.read(d.label), d.read())
		})
	}
	// A model test that never meets a rule does not hold it.
	for name, n := range map[string]int{"admitted": admitted, "dropped": dropped, "pressed": presses, "cleared": clears, "healthy": healthy} {
		if n < 100 {
			t.Errorf("%s: %d times, want at least 100", name, n)
		}
	}
}

func randomBackPressure(r *rand.Rand) tiering.BackPressure {
	b := tiering.DefaultBackPressure([]string{"fs", "obj", "p2p"}[r.IntN(3)], "")
	if r.IntN(2) == 0 {
		b.Policy = tiering.DropStorePolicy
	}
	if r.IntN(2) == 0 {
		b.Alpha = 1 - r.Float64()
		b.WarmupCompletions = r.IntN(6)
		b.DecayHalfLife = time.Duration(r.IntN(3)) * 500 * time.Millisecond
		b.Cooldown = time.Duration(r.IntN(3)) * 500 * time.Millisecond
		b.LowWater = b.HighWater * (1 - r.Float64())
	}
	return b
}

// near allows for powers of two that are computed in two ways.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(a, b) }

func compare(t *testing.T, step int, want, got reduced) {
	t.Helper()
	same := len(want) == len(got)
	for key, value := range want {
		same = same && near(got[key], value)
	}
	if !same {
		t.Fatalf("step %d: the payload holds %v, want %v", step, got, want)
	}
}
