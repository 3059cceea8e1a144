// SPDX-License-Identifier: Apache-2.0

package connector_test

import (
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func load(bytes, seconds, sizes string) recorded {
	return recorded{
		vllm.LoadBytes.PrometheusName: bytes,
		vllm.LoadTime.PrometheusName:  seconds,
		vllm.LoadSize.PrometheusName:  sizes,
	}
}

func store(bytes, seconds, sizes string) recorded {
	return recorded{
		vllm.StoreBytes.PrometheusName: bytes,
		vllm.StoreTime.PrometheusName:  seconds,
		vllm.StoreSize.PrometheusName:  sizes,
	}
}

func both(a, b recorded) recorded {
	for key, value := range b {
		a[key] = value
	}
	return a
}

func newTransfers(t testing.TB, opts ...connector.Option) *connector.Transfers {
	t.Helper()
	r, err := connector.NewTransfers(opts...)
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

// TestVLLMTransferTiming holds the cases of the transfer timing's own tests.
func TestVLLMTransferTiming(t *testing.T) {
	t.Run("zero-byte event records nothing", func(t *testing.T) {
		r := newTransfers(t)
		r.Record(connector.Store, 0, time.Second)
		mustEqual(t, "take", nil, read(r.Take()))
	})
	t.Run("1024 B in 10 ms, then None", func(t *testing.T) {
		r := newTransfers(t)
		r.Record(connector.Load, 1024, 10*time.Millisecond)
		mustEqual(t, "first take", load("1024", "0.01", "[1024]"), read(r.Take()))
		mustEqual(t, "second take", nil, read(r.Take()))
	})
	t.Run("returned without store events", func(t *testing.T) {
		c := newClock()
		r := newTransfers(t, connector.WithClock(c.read))
		loading, storing := r.Start(connector.Load), r.Start(connector.Store)
		c.now = c.now.Add(5 * time.Millisecond)
		loading.End(2048)
		mustEqual(t, "take", load("2048", "0.005", "[2048]"), read(r.Take()))
		storing.End(0)
		mustEqual(t, "take after a store of nothing", nil, read(r.Take()))
	})
	t.Run("worker stats merge", func(t *testing.T) {
		one, two := newTransfers(t), newTransfers(t)
		one.Record(connector.Store, 100, time.Millisecond)
		two.Record(connector.Store, 200, 2*time.Millisecond)
		merged := one.Take()
		if err := merged.Merge(two.Take()); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "merged", store("300", "0.003", "[100 200]"), read(merged))
	})
}

func TestTransfersRecord(t *testing.T) {
	for _, test := range []struct {
		name   string
		record func(*connector.Transfers)
		want   recorded
	}{
		{"nothing", func(*connector.Transfers) {}, nil},
		{"load", func(r *connector.Transfers) { r.Record(connector.Load, 1024, 10*time.Millisecond) }, load("1024", "0.01", "[1024]")},
		{"store", func(r *connector.Transfers) { r.Record(connector.Store, 2048, 5*time.Millisecond) }, store("2048", "0.005", "[2048]")},
		{"both, several", func(r *connector.Transfers) {
			r.Record(connector.Store, 100, time.Millisecond)
			r.Record(connector.Load, 16, 250*time.Millisecond)
			r.Record(connector.Store, 50, time.Millisecond)
		}, both(store("150", "0.002", "[100 50]"), load("16", "0.25", "[16]"))},
		{"zero bytes", func(r *connector.Transfers) { r.Record(connector.Load, 0, time.Second) }, nil},
		{"negative bytes", func(r *connector.Transfers) { r.Record(connector.Load, -1, time.Second) }, nil},
		{"negative time", func(r *connector.Transfers) { r.Record(connector.Load, 8, -time.Second) }, load("8", "0.0", "[8]")},
		{"no direction", func(r *connector.Transfers) { r.Record(0, 8, time.Second); r.Record(connector.Store+1, 8, time.Second) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newTransfers(t)
			test.record(r)
			mustEqual(t, "first take", test.want, read(r.Take()))
			mustEqual(t, "second take", nil, read(r.Take()))

			var series, dst stats.Payload
			r = newTransfers(t, connector.WithBinder(&series))
			test.record(r)
			mustEqual(t, "with a binder", test.want, read(series.Take()))
			if r.Take() != nil || r.TakeInto(&dst) {
				t.Error("a recorder with a binder gave a payload")
			}
		})
	}
}

func TestTransfersTakeInto(t *testing.T) {
	r := newTransfers(t)
	var dst stats.Payload
	r.Record(connector.Load, 8, time.Second)
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
	r := newTransfers(t, connector.WithClock(c.read))
	timer := r.Start(connector.Store)
	other := r.Start(connector.Load)
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
		r := newTransfers(t, connector.WithClock(c.read))
		timer := r.Start(connector.Load)
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

// TestTimerEndsOnce ends a timer again, while another copy is timed.
func TestTimerEndsOnce(t *testing.T) {
	c := newClock()
	r := newTransfers(t, connector.WithClock(c.read))
	stale := r.Start(connector.Load)
	if !stale.End(100) {
		t.Error("the first End returned false")
	}
	r.Take()
	current := r.Start(connector.Store)
	c.now = c.now.Add(time.Second)
	if stale.End(1) || stale.End(0) {
		t.Error("a second End returned true")
	}
	mustEqual(t, "after the second End", nil, read(r.Take()))
	if !current.End(8) {
		t.Error("the current timer was ended by the stale one")
	}
	mustEqual(t, "the current timer", store("8", "1.0", "[8]"), read(r.Take()))
	var zero connector.Timer
	if zero.End(1) {
		t.Error("the zero Timer ended")
	}
}

func TestNewTransfersReportsEverything(t *testing.T) {
	var taken stats.Payload
	for _, name := range []string{vllm.LoadBytes.PrometheusName, vllm.StoreSize.PrometheusName} {
		if err := taken.RecordGauge(name, stats.Int64(1)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := connector.NewTransfers(connector.WithBinder(&taken))
	if joined, ok := err.(interface{ Unwrap() []error }); r != nil || !ok || len(joined.Unwrap()) != 2 {
		t.Errorf("NewTransfers returned %v, %v, want two joined errors", r, err)
	}
}

func TestDirectionString(t *testing.T) {
	for d, want := range map[connector.Direction]string{connector.Load: "load", connector.Store: "store", 0: "Direction(0)"} {
		if got := d.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
