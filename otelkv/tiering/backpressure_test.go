// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const mebibyte = 1 << 20

// watched is a tracker of one tier with a detector. Its stores of one chunk are a
// mebibyte and take as many seconds as they are told to.
type watched struct {
	*tiering.Tracker
	clock *clock
	label string
}

func newWatched(t *testing.T, tierType string, parameters tiering.BackPressure, opts ...connector.Option) watched {
	c := newClock()
	tracker := newTracker(t, tiering.Config{
		SecondaryTiers: []string{tierType}, ChunkSize: mebibyte, BackPressure: map[int]tiering.BackPressure{1: parameters},
	}, append(opts, connector.WithClock(c.read))...)
	return watched{tracker, c, "1:" + tierType}
}

// newDelayed is a tracker as in vLLM's tests: its tier has the default detector
// of a type that vLLM does not know.
func newDelayed(t *testing.T) watched {
	return newWatched(t, "delayed", tiering.DefaultBackPressure("delayed", ""))
}

func (d watched) store(seconds ...float64) {
	for _, s := range seconds {
		job := d.StartCascade(1, 1)
		d.clock.advance(time.Duration(s * float64(time.Second)))
		job.Succeed()
	}
}

// stores is store of n stores that take the same time.
func (d watched) stores(n int, seconds float64) {
	for range n {
		d.store(seconds)
	}
}

// ask asks for n stores of one chunk at once, and returns how many were admitted.
func (d watched) ask(n int) (admitted int) {
	for range n {
		if d.AdmitStore(1, 1) {
			admitted++
		}
	}
	return admitted
}

// read takes a payload, and returns the back-pressure in it.
func (d watched) read() reduced {
	return only(func(key string) bool {
		return key == of(vllm.BackPressureStoreLatencyEMA, d.label, "") ||
			key == of(vllm.BackPressureStoresDropped, d.label, "") ||
			key == of(vllm.BackPressureBlocksDropped, d.label, "")
	}, reduce(d.Take()))
}

func (d watched) average(ema float64) reduced {
	return reduced{of(vllm.BackPressureStoreLatencyEMA, d.label, ""): ema}
}

func (d watched) dropped(stores, blocks float64) reduced {
	return reduced{
		of(vllm.BackPressureStoresDropped, d.label, ""): stores,
		of(vllm.BackPressureBlocksDropped, d.label, ""): blocks,
	}
}

// TestVLLMBackPressure holds the cases of vLLM's own back-pressure tests.
func TestVLLMBackPressure(t *testing.T) {
	t.Run("reduced, popped, EMA sent again", func(t *testing.T) {
		d := newDelayed(t)
		d.store(2.5, 2, 3, 2.5)
		for _, chunks := range []int{1, 2, 3, 2, 4} {
			d.AdmitStore(1, chunks)
		}
		mustEqual(t, "first read", all(d.average(2.5), d.dropped(5, 12)), d.read())
		mustEqual(t, "second read", d.average(2.5), d.read())
	})
	t.Run("no detector", func(t *testing.T) {
		tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"delayed"}})
		if !tracker.AdmitStore(1, 1) {
			t.Error("a store was refused")
		}
		tracker.RecordDroppedStore(1, 1)
		if ema, pressed := tracker.StoreLatency(1); ema != 0 || pressed {
			t.Errorf("the average is %v, pressed %t", ema, pressed)
		}
		tracker.ResetBackPressure()
		mustEqual(t, "take", idle(nil, "1:delayed"), reduce(tracker.Take()))
	})
	t.Run("stores under pressure", func(t *testing.T) {
		d := newDelayed(t)
		d.store(2, 2, 2, 2)
		if d.AdmitStore(1, 1) {
			t.Error("a store of 1 was admitted")
		}
		mustEqual(t, "first", all(d.average(2), d.dropped(1, 1)), d.read())
		d.AdmitStore(1, 1)
		if d.AdmitStore(1, 2) {
			t.Error("a store of 2 was admitted")
		}
		mustEqual(t, "both", all(d.average(2), d.dropped(2, 3)), d.read())
	})
	t.Run("reset", func(t *testing.T) {
		d := newDelayed(t)
		d.store(2, 2, 2, 2)
		d.ResetBackPressure()
		if ema, pressed := d.StoreLatency(1); ema != 0 || pressed || !d.AdmitStore(1, 1) {
			t.Errorf("after the reset the average is %v, pressed %t", ema, pressed)
		}
		mustEqual(t, "take", d.average(0), d.read())
	})
}

// TestBackPressureScenarios holds how many of the stores that a service asks for
// are admitted, with the defaults of a file tier.
func TestBackPressureScenarios(t *testing.T) {
	for _, test := range []struct {
		name     string
		stores   int
		seconds  float64 // of each
		silence  time.Duration
		asks     int
		admitted int
	}{
		{"half are dropped at twice the high mark", 10, 0.01, 0, 100, 50},
		{"one of eight is dropped at a quarter above the high mark", 10, 0.00625, 0, 100, 88},
		{"all are dropped from three times the high mark on", 10, 0.02, 0, 100, 0},
		{"the warm-up gives no verdict, not even its last store", 3, 0.02, 0, 10, 10},
		{"silence ends the pressure, and half are dropped for a while", 10, 0.02, 9 * time.Second, 10, 6},
		{"silence that is too short", 10, 0.02, 8 * time.Second, 10, 10},
		{"the average is exactly at the high mark", 10, 0.005, 0, 10, 10},
		{"a fast tier", 13, 0.0005, 0, 10, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newWatched(t, "fs", tiering.DefaultBackPressure("fs", ""))
			mustEqual(t, "first read", d.average(0), d.read())
			d.stores(test.stores, test.seconds)
			d.clock.advance(test.silence)
			if admitted := d.ask(test.asks); admitted != test.admitted {
				t.Errorf("%d of %d stores were admitted, want %d", admitted, test.asks, test.admitted)
			}
			drops := reduced{}
			if n := float64(test.asks - test.admitted); n > 0 {
				drops = d.dropped(n, n)
			}
			got := d.read()
			delete(got, of(vllm.BackPressureStoreLatencyEMA, d.label, ""))
			mustEqual(t, "drops", drops, got)
		})
	}
	t.Run("exactly at the high mark is not pressed", func(t *testing.T) {
		parameters := tiering.DefaultBackPressure("fs", "")
		parameters.Alpha = 0.5 // whose products add up exactly
		d := newWatched(t, "fs", parameters)
		d.stores(10, 0.005)
		if ema, pressed := d.StoreLatency(1); ema != 0.005 || pressed {
			t.Errorf("the average is %v, pressed %t, want 0.005 and not pressed", ema, pressed)
		}
		d.store(0.006)
		if _, pressed := d.StoreLatency(1); !pressed {
			t.Error("an average above the mark is not pressed")
		}
	})
	t.Run("reset clears the average and the drops", func(t *testing.T) {
		d := newWatched(t, "fs", tiering.DefaultBackPressure("fs", ""))
		d.stores(10, 0.02)
		if admitted := d.ask(5); admitted != 0 {
			t.Errorf("%d stores were admitted under pressure", admitted)
		}
		d.ResetBackPressure()
		mustEqual(t, "read", d.average(0), d.read())
		if admitted := d.ask(10); admitted != 10 {
			t.Errorf("%d of 10 stores were admitted after the reset", admitted)
		}
		// The warm-up begins again.
		d.stores(3, 0.02)
		mustEqual(t, "after a new warm-up", d.average((0.02+0.02+0.02)/3), d.read())
		if admitted := d.ask(10); admitted != 10 {
			t.Errorf("%d of 10 stores were admitted after a new warm-up", admitted)
		}
	})
}

func TestDetector(t *testing.T) {
	with := func(change func(*tiering.BackPressure)) tiering.BackPressure {
		b := tiering.BackPressure{
			Policy: tiering.DropStorePolicy, HighWater: 1, LowWater: 0.5, Alpha: 1, WarmupCompletions: 1,
		}
		if change != nil {
			change(&b)
		}
		return b
	}
	for _, test := range []struct {
		name       string
		parameters tiering.BackPressure
		stores     []float64
		average    float64
		pressed    bool
	}{
		{"the average is 0 during the warm-up", with(func(b *tiering.BackPressure) { b.WarmupCompletions = 3 }), []float64{9, 9}, 0, false},
		{"warm-up is the mean", with(func(b *tiering.BackPressure) { b.WarmupCompletions = 3 }), []float64{0.25, 0.5, 0.75}, 0.5, false},
		{"the seed gives no verdict", with(nil), []float64{9}, 9, false},
		{"no warm-up", with(func(b *tiering.BackPressure) { b.WarmupCompletions, b.Alpha = 0, 0.5 }), []float64{4}, 2, true},
		{"no pressure at the high mark", with(nil), []float64{1, 1}, 1, false},
		{"pressure above the high mark", with(nil), []float64{1, 1.25}, 1.25, true},
		{"average moves by alpha", with(func(b *tiering.BackPressure) { b.Alpha = 0.5 }), []float64{0.5, 1}, 0.75, false},
		{"default alpha", with(func(b *tiering.BackPressure) { b.Alpha = 0.3 }), []float64{0, 1}, 0.3, false},
		{"pressure stays between the marks", with(nil), []float64{2, 2, 0.75}, 0.75, true},
		{"pressure stays at the low mark", with(nil), []float64{2, 2, 0.5}, 0.5, true},
		{"pressure ends below the low mark", with(nil), []float64{2, 2, 0.25}, 0.25, false},
		{"no pressure between the marks without one before", with(nil), []float64{2, 0.75}, 0.75, false},
		{"the marks meet", with(func(b *tiering.BackPressure) { b.LowWater = 1 }), []float64{2, 2, 1}, 1, true},
		{"clock goes backwards", with(nil), []float64{2, -3}, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newWatched(t, "fs", test.parameters)
			d.store(test.stores...)
			if ema, pressed := d.StoreLatency(1); ema != test.average || pressed != test.pressed {
				t.Errorf("average %v, pressed %t; want %v, %t", ema, pressed, test.average, test.pressed)
			}
			mustEqual(t, "read", d.average(test.average), d.read())
		})
	}
}

// TestAverageDecaysWhenPressureIsQueried reads the gauge before and after.
func TestAverageDecaysWhenPressureIsQueried(t *testing.T) {
	d := newWatched(t, "fs", tiering.DefaultBackPressure("fs", ""))
	d.stores(3, 0.016)
	d.clock.advance(time.Hour)
	if ema, _ := d.StoreLatency(1); ema != 0.016 {
		t.Errorf("the average of a tier that is not under pressure decayed to %v", ema)
	}
	d.store(0.016)
	d.clock.advance(2 * time.Second)
	mustEqual(t, "read, not queried", d.average(0.016), d.read())
	if ema, pressed := d.StoreLatency(1); ema != 0.008 || !pressed {
		t.Errorf("after a half-life the average is %v, pressed %t, want 0.008 and pressed", ema, pressed)
	}
	mustEqual(t, "queried", d.average(0.008), d.read())
	d.StoreLatency(1)
	mustEqual(t, "queried at once", d.average(0.008), d.read())
	d.clock.advance(-time.Second)
	d.StoreLatency(1)
	mustEqual(t, "clock goes backwards", d.average(0.008), d.read())
	d.clock.advance(3 * time.Second)
	d.AdmitStore(1, 1)
	mustEqual(t, "asked for a store", d.average(0.004), d.read())

	without := tiering.DefaultBackPressure("fs", "")
	without.DecayHalfLife = 0
	d = newWatched(t, "fs", without)
	d.stores(4, 0.016)
	d.clock.advance(time.Hour)
	if ema, pressed := d.StoreLatency(1); ema != 0.016 || !pressed {
		t.Errorf("without a half-life the average is %v, pressed %t, want 0.016 and pressed", ema, pressed)
	}
}

func TestCooldown(t *testing.T) {
	// clear presses the tier, and lets a completion end the pressure.
	clear := func(t *testing.T, cooldown time.Duration) watched {
		b := tiering.DefaultBackPressure("fs", "")
		b.Alpha, b.Cooldown = 1, cooldown
		d := newWatched(t, "fs", b)
		d.stores(4, 0.02)
		d.store(0.0005)
		return d
	}
	d := clear(t, time.Second)
	if admitted := d.ask(10); admitted != 5 {
		t.Errorf("%d of 10 stores were admitted, want 5", admitted)
	}
	d.clock.advance(time.Second - 1)
	if admitted := d.ask(2); admitted != 1 {
		t.Errorf("at the end of the cooldown %d of 2 stores were admitted, want 1", admitted)
	}
	d.clock.advance(1)
	if admitted := d.ask(10); admitted != 10 {
		t.Errorf("after the cooldown %d of 10 stores were admitted", admitted)
	}
	if admitted := clear(t, 0).ask(10); admitted != 10 {
		t.Errorf("without a cooldown %d of 10 stores were admitted", admitted)
	}
	// Pressure that begins again ends the cooldown.
	d = clear(t, time.Hour)
	d.store(0.02)
	if admitted := d.ask(10); admitted != 0 {
		t.Errorf("under new pressure %d of 10 stores were admitted", admitted)
	}
	// A tier that was fast ten times in a row skips the cooldown.
	d = clear(t, time.Hour)
	d.stores(8, 0.0005)
	if admitted := d.ask(10); admitted != 5 {
		t.Errorf("after nine fast stores %d of 10 were admitted, want 5", admitted)
	}
	d.store(0.0005)
	if admitted := d.ask(10); admitted != 10 {
		t.Errorf("after ten fast stores %d of 10 were admitted, want all", admitted)
	}
	// A store between the marks ends the row.
	d.store(0.002)
	if admitted := d.ask(10); admitted != 5 {
		t.Errorf("after a slower store %d of 10 were admitted, want 5", admitted)
	}
}

func TestDropStorePolicy(t *testing.T) {
	b := tiering.DefaultBackPressure("fs", "")
	b.Policy = tiering.DropStorePolicy
	d := newWatched(t, "fs", b)
	d.stores(10, 0.00625)
	if admitted := d.ask(100); admitted != 0 {
		t.Errorf("%d of 100 stores were admitted", admitted)
	}
	d.clock.advance(9 * time.Second)
	if admitted := d.ask(10); admitted != 6 {
		t.Errorf("after silence %d of 10 stores were admitted, want 6", admitted)
	}
}

// TestThrottleAtTheHighMark: at the mark itself every store is admitted, and does not
// count for the rate that holds above it.
func TestThrottleAtTheHighMark(t *testing.T) {
	d := newWatched(t, "fs", tiering.BackPressure{
		Policy: tiering.ThrottledDropPolicy, HighWater: 1, LowWater: 0.5, Alpha: 1, WarmupCompletions: 1,
	})
	d.store(2, 2, 1)
	if _, pressed := d.StoreLatency(1); !pressed {
		t.Fatal("no pressure")
	}
	if admitted := d.ask(5); admitted != 5 {
		t.Errorf("at the mark %d of 5 stores were admitted", admitted)
	}
	d.store(1.5)
	if admitted := d.ask(3); admitted != 3 {
		t.Errorf("above the mark %d of the first 3 stores were admitted", admitted)
	}
	if d.ask(1) != 0 {
		t.Error("above the mark the fourth store was admitted")
	}
}

func TestDefaultBackPressure(t *testing.T) {
	for _, test := range []struct {
		tierType, locality string
		high, low          float64
	}{
		{"fs", "", 0.005, 0.001},
		{"fs", "LOCAL", 0.005, 0.001},
		{"fs", "REMOTE", 0.020, 0.005},
		{"fs", "remote", 0.020, 0.005},
		{"obj", "", 0.020, 0.005},
		{"obj", "LOCAL", 0.020, 0.005},
		{"p2p", "", 0.005, 0.001},
		{"MyTier", "", 0.005, 0.001},
	} {
		want := tiering.BackPressure{
			Policy: tiering.ThrottledDropPolicy, HighWater: test.high, LowWater: test.low,
			Alpha: 0.3, WarmupCompletions: 3, DecayHalfLife: 2 * time.Second, Cooldown: time.Second,
		}
		if got := tiering.DefaultBackPressure(test.tierType, test.locality); got != want {
			t.Errorf("type %q, locality %q: %+v, want %+v", test.tierType, test.locality, got, want)
		}
	}
}

func TestDetectorSeesOnlySuccessfulCascadesThatMoved(t *testing.T) {
	b := tiering.DefaultBackPressure("fs", "")
	b.WarmupCompletions = 1
	d := newWatched(t, "fs", b)
	for name, event := range map[string]struct {
		start  func(tier, chunks int) *tiering.Job
		finish func(*tiering.Job)
	}{
		"promotion": {d.StartPromotion, func(j *tiering.Job) { timed(j, time.Second).Succeed() }},
		"failure":   {d.StartCascade, func(j *tiering.Job) { j.Fail() }},
		"partial":   {d.StartCascade, func(j *tiering.Job) { timed(j, time.Second).FailPartially(1) }},
		"no bytes":  {d.StartCascade, func(j *tiering.Job) { j.SetBytes(0); timed(j, time.Second).Succeed() }},
	} {
		job := event.start(1, 1)
		d.clock.advance(time.Second)
		event.finish(job)
		mustEqual(t, name, d.average(0), d.read())
	}
	job := d.StartCascade(1, 1)
	job.SetBytes(4 * mebibyte)
	d.clock.advance(2 * time.Second)
	timed(job, time.Hour).Succeed() // The latency runs from the start of the cascade.
	mustEqual(t, "2 s for 4 MiB", d.average(0.5), d.read())
}

func TestDropsByAnotherPolicy(t *testing.T) {
	d := newDelayed(t)
	d.RecordDroppedStore(1, 4)
	mustEqual(t, "chunks", all(d.average(0), d.dropped(1, 4)), d.read())
	// As in vLLM, each counter appears only if it is above zero.
	d.RecordDroppedStore(1, -4)
	mustEqual(t, "fewer than no chunks", all(d.average(0), reduced{of(vllm.BackPressureStoresDropped, d.label, ""): 1}), d.read())
}

func TestBackPressureOfUnknownTier(t *testing.T) {
	d := newDelayed(t)
	for _, tier := range []int{-1, 0, 2} {
		d.RecordDroppedStore(tier, 1)
		if ema, pressed := d.StoreLatency(tier); !d.AdmitStore(tier, 1) || ema != 0 || pressed {
			t.Errorf("tier %d is under pressure", tier)
		}
	}
	mustEqual(t, "take", d.average(0), d.read())
	if got := d.State().Rejected; got != 9 {
		t.Errorf("%d calls rejected, want 9", got)
	}
}

// TestBackPressureWithBinder holds that the gauge follows what changes it, and
// that drops are counted when they happen, without anything being taken.
func TestBackPressureWithBinder(t *testing.T) {
	var series stats.Payload
	d := newWatched(t, "fs", tiering.DefaultBackPressure("fs", ""), connector.WithBinder(&series))
	read := func() reduced {
		return only(func(key string) bool {
			return key == of(vllm.BackPressureStoreLatencyEMA, d.label, "") ||
				key == of(vllm.BackPressureStoresDropped, d.label, "") ||
				key == of(vllm.BackPressureBlocksDropped, d.label, "")
		}, reduce(series.Take()))
	}
	mustEqual(t, "at the start", d.average(0), read())
	d.stores(2, 0.016)
	mustEqual(t, "warm-up", d.average(0), read())
	d.stores(2, 0.016)
	mustEqual(t, "completion", d.average(0.016), read())
	d.clock.advance(2 * time.Second)
	d.StoreLatency(1)
	mustEqual(t, "decay", d.average(0.008), read())
	d.RecordDroppedStore(1, 3)
	mustEqual(t, "drop", d.dropped(1, 3), read())
	d.ResetBackPressure()
	mustEqual(t, "reset", d.average(0), read())
}
