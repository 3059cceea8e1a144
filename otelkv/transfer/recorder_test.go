package transfer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/transfer"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// copied is a payload by metric, with the samples of histograms; nil for no
// payload.
type copied map[string]string

func read(p *stats.Payload) copied {
	if p == nil {
		return nil
	}
	c := copied{}
	for metric := range p.Metrics() {
		for entry := range metric.Entries() {
			if metric.Kind() == schema.KindHistogram {
				c[metric.Name()] = fmt.Sprint(entry.Samples())
				continue
			}
			c[metric.Name()] = entry.Value().String()
		}
	}
	return c
}

func load(bytes, seconds, sizes string) copied {
	return copied{
		vllm.LoadBytes.PrometheusName: bytes,
		vllm.LoadTime.PrometheusName:  seconds,
		vllm.LoadSize.PrometheusName:  sizes,
	}
}

func store(bytes, seconds, sizes string) copied {
	return copied{
		vllm.StoreBytes.PrometheusName: bytes,
		vllm.StoreTime.PrometheusName:  seconds,
		vllm.StoreSize.PrometheusName:  sizes,
	}
}

func both(a, b copied) copied {
	for key, value := range b {
		a[key] = value
	}
	return a
}

func mustEqual(t *testing.T, what string, want, got copied) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func newRecorder(t testing.TB, opts ...transfer.Option) *transfer.Recorder {
	t.Helper()
	r, err := transfer.NewRecorder(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// clock is a clock that a test moves, and that counts how often it is read.
type clock struct {
	now   time.Time
	reads int
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) read() time.Time { c.reads++; return c.now }

func TestRecord(t *testing.T) {
	for _, test := range []struct {
		name   string
		record func(*transfer.Recorder)
		want   copied
	}{
		{"nothing", func(*transfer.Recorder) {}, nil},
		{"load", func(r *transfer.Recorder) { r.Record(transfer.Load, 1024, 10*time.Millisecond) }, load("1024", "0.01", "[1024]")},
		{"store", func(r *transfer.Recorder) { r.Record(transfer.Store, 2048, 5*time.Millisecond) }, store("2048", "0.005", "[2048]")},
		{"both, several", func(r *transfer.Recorder) {
			r.Record(transfer.Store, 100, time.Millisecond)
			r.Record(transfer.Load, 16, 250*time.Millisecond)
			r.Record(transfer.Store, 50, time.Millisecond)
		}, both(store("150", "0.002", "[100 50]"), load("16", "0.25", "[16]"))},
		{"zero bytes", func(r *transfer.Recorder) { r.Record(transfer.Load, 0, time.Second) }, nil},
		{"negative bytes", func(r *transfer.Recorder) { r.Record(transfer.Load, -1, time.Second) }, nil},
		{"negative time", func(r *transfer.Recorder) { r.Record(transfer.Load, 8, -time.Second) }, load("8", "0.0", "[8]")},
		{"no direction", func(r *transfer.Recorder) { r.Record(0, 8, time.Second); r.Record(transfer.Store+1, 8, time.Second) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRecorder(t)
			test.record(r)
			mustEqual(t, "first take", test.want, read(r.Take()))
			mustEqual(t, "second take", nil, read(r.Take()))

			var series, dst stats.Payload
			r = newRecorder(t, transfer.WithBinder(series.Binder()))
			test.record(r)
			mustEqual(t, "with a binder", test.want, read(series.Take()))
			if r.Take() != nil || r.TakeInto(&dst) {
				t.Error("a recorder with a binder gave a payload")
			}
		})
	}
}

func TestTakeInto(t *testing.T) {
	r := newRecorder(t)
	var dst stats.Payload
	r.Record(transfer.Load, 8, time.Second)
	if !r.TakeInto(&dst) {
		t.Error("TakeInto returned false after a copy")
	}
	mustEqual(t, "taken", load("8", "1.0", "[8]"), read(&dst))
	if r.TakeInto(&dst) {
		t.Error("TakeInto returned true after no copy")
	}
}

func TestTimer(t *testing.T) {
	c := newClock()
	r := newRecorder(t, transfer.WithClock(c.read))
	timer := r.Start(transfer.Store)
	other := r.Start(transfer.Load)
	c.now = c.now.Add(20 * time.Millisecond)
	if !timer.End(4096) {
		t.Error("End returned false")
	}
	c.now = c.now.Add(-time.Hour)
	other.End(1)
	mustEqual(t, "take", both(store("4096", "0.02", "[4096]"), load("1", "0.0", "[1]")), read(r.Take()))
}

func TestTimerOfNoBytesDoesNotReadTheClock(t *testing.T) {
	for _, bytes := range []int64{0, -1} {
		c := newClock()
		r := newRecorder(t, transfer.WithClock(c.read))
		timer := r.Start(transfer.Load)
		reads := c.reads
		if !timer.End(bytes) {
			t.Error("End returned false")
		}
		if c.reads != reads {
			t.Errorf("End(%d) read the clock", bytes)
		}
		mustEqual(t, "take", nil, read(r.Take()))
	}
}

// TestTimerReleasesOnce uses handles after their release, while the timer's
// place in the pool times another copy.
func TestTimerReleasesOnce(t *testing.T) {
	for name, release := range map[string]func(transfer.Timer) bool{
		"End":    func(timer transfer.Timer) bool { return timer.End(100) },
		"Cancel": transfer.Timer.Cancel,
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			r := newRecorder(t, transfer.WithClock(c.read))
			stale := r.Start(transfer.Load)
			if !release(stale) {
				t.Error("the first release returned false")
			}
			r.Take()
			current := r.Start(transfer.Store)
			c.now = c.now.Add(time.Second)
			if stale.End(1) || stale.Cancel() {
				t.Error("a release of the stale timer returned true")
			}
			mustEqual(t, "after the stale timer", nil, read(r.Take()))
			if !current.End(8) {
				t.Error("the current timer was released by the stale one")
			}
			mustEqual(t, "the current timer", store("8", "1.0", "[8]"), read(r.Take()))
		})
	}
	if (transfer.Timer{}).End(1) || (transfer.Timer{}).Cancel() {
		t.Error("the zero Timer was released")
	}
}

func TestNewRecorderReportsEverything(t *testing.T) {
	var taken stats.Payload
	for _, name := range []string{vllm.LoadBytes.PrometheusName, vllm.StoreSize.PrometheusName} {
		if err := taken.RecordGauge(name, stats.Int64(1)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := transfer.NewRecorder(transfer.WithBinder(taken.Binder()))
	if joined, ok := err.(interface{ Unwrap() []error }); r != nil || !ok || len(joined.Unwrap()) != 2 {
		t.Errorf("NewRecorder returned %v, %v, want two joined errors", r, err)
	}
}

func TestDirectionString(t *testing.T) {
	for d, want := range map[transfer.Direction]string{transfer.Load: "load", transfer.Store: "store", 0: "Direction(0)"} {
		if got := d.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
