package tiering_test

import (
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const mebibyte = 1 << 20

// delayed is a tracker of one tier of type delayed, whose stores of one chunk
// are a mebibyte and take as many seconds as they are told to.
type delayed struct {
	*tiering.Tracker
	clock *clock
}

func newDelayed(t *testing.T, parameters tiering.BackPressure) delayed {
	c := newClock()
	return delayed{newTracker(t, tiering.Config{SecondaryTiers: []string{"delayed"}, ChunkSize: mebibyte},
		tiering.WithClock(c.read), tiering.WithBackPressure(1, parameters)), c}
}

func (d delayed) store(seconds ...float64) {
	for _, s := range seconds {
		job := d.StartCascade(1, 1)
		d.clock.advance(time.Duration(s * float64(time.Second)))
		job.Succeed(0)
	}
}

// written returns what stores of so many chunks leave, and the EMA.
func written(chunks, ema float64) reduced {
	return all(average(ema), reduced{of(vllm.TieringWriteBytes, "1:delayed", ""): chunks * mebibyte})
}

func average(ema float64) reduced {
	return reduced{of(vllm.BackPressureStoreLatencyEMA, "1:delayed", ""): ema}
}

func dropped(stores, blocks float64) reduced {
	return reduced{
		of(vllm.BackPressureStoresDropped, "1:delayed", ""): stores,
		of(vllm.BackPressureBlocksDropped, "1:delayed", ""): blocks,
	}
}

// TestVLLMBackPressure holds the cases of vLLM's own back-pressure tests.
func TestVLLMBackPressure(t *testing.T) {
	t.Run("reduced, popped, EMA sent again", func(t *testing.T) {
		d := newDelayed(t, tiering.BackPressure{})
		d.store(2.5, 2, 3)
		for _, chunks := range []int{1, 2, 3, 2, 4} {
			d.AdmitStore(1, chunks)
		}
		mustEqual(t, "first read", idle(all(written(3, 2.5), dropped(5, 12)), "1:delayed"), reduce(d.Take()))
		mustEqual(t, "second read", idle(average(2.5), "1:delayed"), reduce(d.Take()))
	})
	t.Run("no detector", func(t *testing.T) {
		tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"delayed"}})
		if !tracker.AdmitStore(1, 1) {
			t.Error("a store was refused")
		}
		tracker.RecordDroppedStore(1, 1)
		mustEqual(t, "take", idle(nil, "1:delayed"), reduce(tracker.Take()))
	})
	t.Run("stores under pressure", func(t *testing.T) {
		d := newDelayed(t, tiering.BackPressure{})
		d.store(2, 2, 2)
		d.Take()
		if d.AdmitStore(1, 1) {
			t.Error("a store of 1 was admitted")
		}
		mustEqual(t, "first", idle(all(average(2), dropped(1, 1)), "1:delayed"), reduce(d.Take()))
		d.AdmitStore(1, 1)
		if d.AdmitStore(1, 2) {
			t.Error("a store of 2 was admitted")
		}
		mustEqual(t, "both", idle(all(average(2), dropped(2, 3)), "1:delayed"), reduce(d.Take()))
	})
	t.Run("reset", func(t *testing.T) {
		d := newDelayed(t, tiering.BackPressure{})
		d.store(2, 2, 2)
		d.Take()
		d.ResetBackPressure()
		if ema, pressed := d.StoreLatency(1); ema != 0 || pressed || !d.AdmitStore(1, 1) {
			t.Errorf("after the reset the average is %v, pressed %t", ema, pressed)
		}
		mustEqual(t, "take", idle(nil, "1:delayed"), reduce(d.Take()))
	})
}

func TestDetector(t *testing.T) {
	for _, test := range []struct {
		name       string
		parameters tiering.BackPressure
		stores     []float64
		average    float64
		pressed    bool
	}{
		{"warming up gives no verdict", tiering.BackPressure{}, []float64{9, 9}, 0, false},
		{"warm-up is the mean", tiering.BackPressure{}, []float64{0.25, 0.5, 0.75}, 0.5, false},
		{"pressure at the high mark", tiering.BackPressure{}, []float64{1, 1, 1}, 1, true},
		{"average moves by alpha", tiering.BackPressure{Alpha: 0.5}, []float64{0.5, 0.5, 0.5, 1}, 0.75, false},
		{"default alpha", tiering.BackPressure{}, []float64{0, 0, 0, 1}, 0.3, false},
		{"pressure stays between the marks", tiering.BackPressure{Alpha: 1}, []float64{1, 1, 1, 0.75}, 0.75, true},
		{"pressure ends at the low mark", tiering.BackPressure{Alpha: 1}, []float64{1, 1, 1, 0.5}, 0.5, false},
		{"low is half of high", tiering.BackPressure{Alpha: 1, High: 4}, []float64{4, 4, 4, 2}, 2, false},
		{"own warm-up", tiering.BackPressure{Warmup: 1}, []float64{3}, 3, true},
		{"clock goes backwards", tiering.BackPressure{Warmup: 1}, []float64{-3}, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDelayed(t, test.parameters)
			d.store(test.stores...)
			if ema, pressed := d.StoreLatency(1); ema != test.average || pressed != test.pressed {
				t.Errorf("average %v, pressed %t; want %v, %t", ema, pressed, test.average, test.pressed)
			}
		})
	}
}

func TestDetectorSeesOnlySuccessfulCascadesThatMoved(t *testing.T) {
	d := newDelayed(t, tiering.BackPressure{Warmup: 1})
	for name, event := range map[string]struct {
		start  func(tier, chunks int) *tiering.Job
		finish func(*tiering.Job)
	}{
		"promotion": {d.StartPromotion, func(j *tiering.Job) { j.Succeed(time.Second) }},
		"failure":   {d.StartCascade, func(j *tiering.Job) { j.Fail() }},
		"partial":   {d.StartCascade, func(j *tiering.Job) { j.FailPartially(1, time.Second) }},
		"no bytes":  {d.StartCascade, func(j *tiering.Job) { j.SetBytes(0); j.Succeed(time.Second) }},
	} {
		job := event.start(1, 1)
		d.clock.advance(time.Second)
		event.finish(job)
		if ema, found := reduce(d.Take())[of(vllm.BackPressureStoreLatencyEMA, "1:delayed", "")]; found {
			t.Errorf("%s made the average %v", name, ema)
		}
	}
	job := d.StartCascade(1, 1)
	job.SetBytes(4 * mebibyte)
	d.clock.advance(2 * time.Second)
	job.Succeed(0)
	if ema, _ := d.StoreLatency(1); ema != 0.5 {
		t.Errorf("2 s for 4 MiB is an average of %v, want 0.5", ema)
	}
}

func TestProbes(t *testing.T) {
	admitted := func(every, stores int) (n int) {
		d := newDelayed(t, tiering.BackPressure{ProbeEvery: every})
		d.store(2, 2, 2)
		for range stores {
			if d.AdmitStore(1, 1) {
				n++
			}
		}
		key := of(vllm.BackPressureStoresDropped, "1:delayed", "")
		if got := reduce(d.Take())[key]; got != float64(stores-n) {
			t.Errorf("%v stores counted as dropped, want %d", got, stores-n)
		}
		return n
	}
	for _, test := range []struct{ every, stores, want int }{{0, 15, 0}, {0, 32, 2}, {4, 9, 2}, {-1, 100, 0}} {
		if got := admitted(test.every, test.stores); got != test.want {
			t.Errorf("ProbeEvery %d let %d of %d stores through, want %d", test.every, got, test.stores, test.want)
		}
	}
}

func TestDropsByAnotherPolicy(t *testing.T) {
	d := newDelayed(t, tiering.BackPressure{})
	d.RecordDroppedStore(1, 4)
	mustEqual(t, "chunks", idle(dropped(1, 4), "1:delayed"), reduce(d.Take()))
	d.RecordDroppedStore(1, -4)
	mustEqual(t, "fewer than no chunks", idle(dropped(1, 0), "1:delayed"), reduce(d.Take()))
}

func TestBackPressureOfUnknownTier(t *testing.T) {
	d := newDelayed(t, tiering.BackPressure{})
	for _, tier := range []int{-1, 0, 2} {
		d.RecordDroppedStore(tier, 1)
		if ema, pressed := d.StoreLatency(tier); !d.AdmitStore(tier, 1) || ema != 0 || pressed {
			t.Errorf("tier %d is under pressure", tier)
		}
	}
	mustEqual(t, "take", idle(nil, "1:delayed"), reduce(d.Take()))
	if got := d.State().Rejected; got != 9 {
		t.Errorf("%d calls rejected, want 9", got)
	}
}

func TestAverageFollowsStoresWithBinder(t *testing.T) {
	var series stats.Payload
	c := newClock()
	d := delayed{newTracker(t, tiering.Config{SecondaryTiers: []string{"delayed"}, ChunkSize: mebibyte},
		tiering.WithClock(c.read), tiering.WithBackPressure(1, tiering.BackPressure{Warmup: 1}), tiering.WithBinder(series.Binder())), c}
	d.store(0.5)
	if got, found := reduce(series.Take())[of(vllm.BackPressureStoreLatencyEMA, "1:delayed", "")]; !found || got != 0.5 {
		t.Errorf("the average is %v, found %t, want 0.5", got, found)
	}
}

func TestBackPressureMarksMayMeet(t *testing.T) {
	d := newDelayed(t, tiering.BackPressure{Warmup: 1, Alpha: 1, High: 2, Low: 2})
	for _, seconds := range []float64{2, 1, 3} {
		d.store(seconds)
		if _, pressed := d.StoreLatency(1); pressed != (seconds >= 2) {
			t.Errorf("pressed is %t at %v s/MiB", pressed, seconds)
		}
	}
}
