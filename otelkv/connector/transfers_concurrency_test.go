// SPDX-License-Identifier: Apache-2.0

package connector_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestWorkers times copies from several workers, each of which ends its timers
// twice, while another goroutine takes.
func TestWorkers(t *testing.T) {
	const workers, copies = 4, 500
	r := newTransfers(t)
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for range copies {
				timer := r.Start(connector.Load)
				var ended sync.WaitGroup
				ended.Go(func() { timer.End(1) })
				timer.End(1)
				ended.Wait()
				r.Record(connector.Store, 1, 0)
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
	for name, opts := range map[string][]connector.Option{
		"payload": nil,
		"binder":  {connector.WithBinder(&series)},
	} {
		r := newTransfers(t, opts...)
		transferBoth := func() {
			timer, failed := r.Start(connector.Load), r.Start(connector.Store)
			timer.End(4096)
			failed.End(0)
			r.Record(connector.Store, 4096, 1)
			r.TakeInto(&taken)
			series.Reset()
		}
		for range 64 {
			transferBoth()
		}
		if n := testing.AllocsPerRun(100, transferBoth); n != 0 {
			t.Errorf("%s: a copy allocates %v times, want 0", name, n)
		}
	}
}

func BenchmarkTimer(b *testing.B) {
	r := newTransfers(b)
	var taken stats.Payload
	b.ReportAllocs()
	for i := range b.N {
		timer := r.Start(connector.Load)
		timer.End(4096)
		if i%1024 == 0 {
			r.TakeInto(&taken)
		}
	}
}
