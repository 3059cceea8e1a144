// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heapGrowth is how much the memory in use may grow during a recording. Keeping a payload
// or an export for each failure would exceed it.
const heapGrowth = 4 << 20

// A recording is what was recorded during a fault.
type recording struct {
	increments, samples int64
}

// record runs four goroutines that record to the first engine, until each has recorded a
// fixed amount and done returns true. So it would not return if recording waited for an
// exporter. It tests that memory does not grow.
func record(t *testing.T, service *load.Service, done func() bool) recording {
	t.Helper()
	const goroutines, amount, burst = 4, 20_000, 1000
	before := heap()
	var mu sync.Mutex
	var all recording
	var running sync.WaitGroup
	for range goroutines {
		loads, err := service.Engines[0].Int64Counter(vllm.LoadBytes)
		if err != nil {
			t.Fatal(err)
		}
		sizes, err := service.Engines[0].Histogram(vllm.LoadSize)
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			var own recording
			for own.increments < amount || !done() {
				for range burst {
					loads.Add(1)
					sizes.Record(1)
				}
				own.increments += burst
				own.samples += burst
				// Leave time for the exports.
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			all.increments += own.increments
			all.samples += own.samples
		})
	}
	running.Wait()
	if grown := heap() - before; grown > heapGrowth {
		t.Errorf("the heap grew by %d bytes, at most %d are fine", grown, heapGrowth)
	}
	return all
}

// heap returns how much memory is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// failedExports returns how many exports of the service failed.
func failedExports(service *load.Service) int64 { return service.Recorder.Statistics().ExportFailures }

// flush exports until it succeeds, for at most a minute.
func flush(t *testing.T, service *load.Service) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err = service.Pipeline.ForceFlush(ctx)
		cancel()
		if err == nil {
			return
		}
	}
	t.Fatalf("no export succeeds any more: %v", err)
}

// handled collects the errors that reach the error handler of package otel, which is
// global.
type handled struct {
	mu    sync.Mutex
	total int
	errs  []error // the first of them
}

const maxHandled = 100

func handleErrors(t *testing.T) *handled {
	t.Helper()
	h := new(handled)
	otel.SetErrorHandler(h)
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return h
}

// Handle counts the errors, and keeps the first of them.
func (h *handled) Handle(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total++
	if len(h.errs) < maxHandled {
		h.errs = append(h.errs, err)
	}
}

func (h *handled) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total
}

func (h *handled) joined() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.errs...)
}
