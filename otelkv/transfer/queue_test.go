package transfer_test

import (
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/transfer"
)

// event is a copy that completes when the test says so.
type event struct {
	done    bool
	waits   int
	reads   int
	elapsed time.Duration
}

func (e *event) Done() bool             { return e.done }
func (e *event) Wait()                  { e.waits++; e.done = true }
func (e *event) Elapsed() time.Duration { e.reads++; return e.elapsed }

// begin makes the event ready for another copy, as recording it on a stream does.
func (e *event) begin(elapsed time.Duration) { *e = event{elapsed: elapsed} }

type queue struct {
	*transfer.Queue[*event]
	made int
}

func newQueue(r *transfer.Recorder) *queue {
	q := &queue{}
	q.Queue = transfer.NewQueue(r, func() *event { q.made++; return &event{} })
	return q
}

// submit launches a copy and returns its event and index.
func (q *queue) submit(d transfer.Direction, bytes int64, elapsed time.Duration) (*event, uint64) {
	lease := q.Acquire()
	lease.Event.begin(elapsed)
	return lease.Event, q.Submit(lease, d, bytes)
}

// TestVLLMTransferTiming holds the cases of the transfer timing's own tests.
func TestVLLMTransferTiming(t *testing.T) {
	t.Run("zero-byte event records nothing", func(t *testing.T) {
		r := newRecorder(t)
		q := newQueue(r)
		e, index := q.submit(transfer.Store, 0, time.Second)
		e.done = true
		if completed := q.Poll(); completed != index {
			t.Errorf("completed up to %d, want %d", completed, index)
		}
		if e.reads != 0 {
			t.Error("the elapsed time was read")
		}
		mustEqual(t, "take", nil, read(r.Take()))
	})
	t.Run("1024 B in 10 ms, then None", func(t *testing.T) {
		r := newRecorder(t)
		q := newQueue(r)
		e, _ := q.submit(transfer.Load, 1024, 10*time.Millisecond)
		e.done = true
		q.Poll()
		mustEqual(t, "first poll", load("1024", "0.01", "[1024]"), read(r.Take()))
		q.Poll()
		mustEqual(t, "second poll", nil, read(r.Take()))
	})
	t.Run("returned without store events", func(t *testing.T) {
		r := newRecorder(t)
		q := newQueue(r)
		e, _ := q.submit(transfer.Load, 2048, 5*time.Millisecond)
		q.submit(transfer.Store, 1, time.Second)
		e.done = true
		q.Poll()
		mustEqual(t, "take", load("2048", "0.005", "[2048]"), read(r.Take()))
	})
	t.Run("worker stats merge", func(t *testing.T) {
		one, two := newRecorder(t), newRecorder(t)
		one.Record(transfer.Store, 100, time.Millisecond)
		two.Record(transfer.Store, 200, 2*time.Millisecond)
		merged := one.Take()
		if err := merged.Merge(two.Take()); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "merged", store("300", "0.003", "[100 200]"), read(merged))
	})
}

func TestQueueCompletesInOrder(t *testing.T) {
	r := newRecorder(t)
	q := newQueue(r)
	if completed := q.Poll(); completed != 0 {
		t.Errorf("an empty queue completed %d", completed)
	}
	first, _ := q.submit(transfer.Store, 1, time.Second)
	second, _ := q.submit(transfer.Store, 2, time.Second)
	third, last := q.submit(transfer.Store, 3, time.Second)
	for _, step := range []struct {
		name      string
		events    func()
		completed uint64
		pending   int
		want      copied
	}{
		{"none is done", func() {}, 0, 3, nil},
		{"the second is done, the first is not", func() { second.done = true }, 0, 3, nil},
		{"the first two are done", func() { first.done = true }, 2, 1, store("3", "2.0", "[1 2]")},
		{"nothing new", func() {}, 2, 1, nil},
		{"the third is done", func() { third.done = true }, last, 0, store("3", "1.0", "[3]")},
	} {
		step.events()
		if got := q.Poll(); got != step.completed || q.Pending() != step.pending {
			t.Errorf("%s: completed %d, pending %d; want %d, %d", step.name, got, q.Pending(), step.completed, step.pending)
		}
		mustEqual(t, step.name, step.want, read(r.Take()))
	}
}

func TestFlush(t *testing.T) {
	r := newRecorder(t)
	q := newQueue(r)
	first, _ := q.submit(transfer.Load, 1, time.Second)
	second, _ := q.submit(transfer.Load, 0, time.Second)
	if completed := q.Flush(); completed != 2 || q.Pending() != 0 {
		t.Errorf("flushed up to %d with %d pending, want 2 and 0", completed, q.Pending())
	}
	if first.waits != 1 || second.waits != 1 {
		t.Errorf("waited %d and %d times, want once each", first.waits, second.waits)
	}
	mustEqual(t, "take", load("1", "1.0", "[1]"), read(r.Take()))
	if completed := q.Flush(); completed != 2 {
		t.Errorf("a second flush completed %d, want 2", completed)
	}
}

func TestEventPool(t *testing.T) {
	r := newRecorder(t)
	q := newQueue(r)
	if q.made != 16 {
		t.Errorf("%d events were made at the start, want 16", q.made)
	}
	// More copies in flight than the queue and its pool began with, and again
	// from another place in the ring.
	for round := range 3 {
		for i := range 40 {
			e, index := q.submit(transfer.Load, int64(i+1), time.Second)
			e.done = true
			if want := uint64(round*41 + i + 1); index != want {
				t.Fatalf("copy has index %d, want %d", index, want)
			}
		}
		e, index := q.submit(transfer.Store, 1, time.Second)
		if completed := q.Poll(); completed != index-1 {
			t.Fatalf("completed up to %d, want %d", completed, index-1)
		}
		e.done = true
		q.Poll()
	}
	if q.made != 41 {
		t.Errorf("%d events were made for 41 copies in flight at a time, want 41", q.made)
	}
	got := read(r.Take())
	if bytes := got["vllm:kv_offload_load_bytes"]; bytes != "2460" {
		t.Errorf("%s bytes were loaded, want 2460", bytes)
	}
}

// TestLeaseEndsOnce uses leases after their end, while their event belongs to
// another copy.
func TestLeaseEndsOnce(t *testing.T) {
	r := newRecorder(t)
	q := newQueue(r)
	released := q.Acquire()
	if !q.Release(released) {
		t.Error("the first release returned false")
	}
	submitted := q.Acquire()
	if submitted.Event != released.Event {
		t.Fatal("the pool did not reuse the event")
	}
	if q.Release(released) || q.Submit(released, transfer.Load, 1) != 0 {
		t.Error("a lease that was released can be used")
	}
	if q.Submit(submitted, transfer.Load, 1) != 1 {
		t.Error("the lease was ended by a stale one")
	}
	if q.Release(submitted) || q.Submit(submitted, transfer.Load, 1) != 0 {
		t.Error("a lease that was submitted can be used")
	}
	if q.Pending() != 1 {
		t.Errorf("%d copies are pending, want 1", q.Pending())
	}
	var none transfer.Lease[*event]
	if q.Release(none) || q.Submit(none, transfer.Load, 1) != 0 {
		t.Error("the zero Lease can be used")
	}
}
