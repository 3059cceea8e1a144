package transfer_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/transfer"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// completed is an event that is done at once and counts its use, so that two
// copies which shared one would be seen.
type completed struct{ users atomic.Int32 }

func (*completed) Done() bool             { return true }
func (*completed) Wait()                  {}
func (*completed) Elapsed() time.Duration { return time.Millisecond }

// TestWorkers times copies from several workers, each of which ends its timers
// twice, while another goroutine polls and takes.
func TestWorkers(t *testing.T) {
	const workers, copies = 4, 500
	r := newRecorder(t)
	q := transfer.NewQueue(r, func() *completed { return &completed{} })
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for range copies {
				timer := r.Start(transfer.Load)
				var ended sync.WaitGroup
				ended.Go(func() { timer.End(1) })
				timer.End(1)
				ended.Wait()

				lease := q.Acquire()
				if n := lease.Event.users.Add(1); n != 1 {
					t.Errorf("an event has %d users", n)
				}
				lease.Event.users.Add(-1)
				q.Submit(lease, transfer.Store, 1)
			}
		})
	}
	var sum, taken stats.Payload
	stop, reader := make(chan struct{}), sync.WaitGroup{}
	reader.Go(func() {
		for running := true; running; {
			select {
			case <-stop:
				running = false
			default:
				runtime.Gosched()
			}
			q.Poll()
			q.Flush()
			q.Pending()
			r.TakeInto(&taken)
			if err := errors.Join(sum.Merge(&taken), sum.Merge(r.Take())); err != nil {
				t.Error(err)
			}
		}
	})
	wait.Wait()
	close(stop)
	reader.Wait()
	got := read(&sum)
	for _, name := range []string{vllm.LoadBytes.PrometheusName, vllm.StoreBytes.PrometheusName} {
		if want := fmt.Sprint(workers * copies); got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
}

func TestCopiesDoNotAllocate(t *testing.T) {
	var taken, series stats.Payload
	for name, opts := range map[string][]transfer.Option{
		"payload": nil,
		"binder":  {transfer.WithBinder(series.Binder())},
	} {
		r := newRecorder(t, opts...)
		q := transfer.NewQueue(r, func() *completed { return &completed{} })
		transferBoth := func() {
			r.Start(transfer.Load).End(4096)
			r.Start(transfer.Load).Cancel()
			q.Submit(q.Acquire(), transfer.Store, 4096)
			q.Release(q.Acquire())
			q.Poll()
			r.TakeInto(&taken)
			series.Reset()
		}
		// A handle that was not put back shows once the pools are used up.
		for range 64 {
			transferBoth()
		}
		if n := testing.AllocsPerRun(100, transferBoth); n != 0 {
			t.Errorf("%s: a warm copy allocates %v times, want 0", name, n)
		}
	}
}

// TestTimersAreThereFromTheStart holds that the first copies allocate no timer.
func TestTimersAreThereFromTheStart(t *testing.T) {
	r := newRecorder(t)
	if n := testing.AllocsPerRun(15, func() { r.Start(transfer.Load) }); n != 0 {
		t.Errorf("one of the first 16 timers allocates %v times, want 0", n)
	}
}

func BenchmarkTimer(b *testing.B) {
	r := newRecorder(b)
	var taken stats.Payload
	b.ReportAllocs()
	for i := range b.N {
		r.Start(transfer.Load).End(4096)
		if i%1024 == 0 {
			r.TakeInto(&taken)
		}
	}
}
