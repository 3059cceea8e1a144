// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/receiver"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestShutdownUnderLoad tests that everything recorded before Shutdown arrives, and that
// recording works during and after it, without being exported.
func TestShutdownUnderLoad(t *testing.T) {
	handleErrors(t)
	r := receiver.New(t, nil)
	r.Start(t)
	load.OverGRPC(t, r.Address())
	load.WhenFlushed(t)
	service := load.NewService(t, vllm.TieringSpec(), "shutdown", exporters.WithExporters("prometheus,otlp"),
		exporters.WithServer("127.0.0.1:0"))
	loads, err := service.Engines[0].Int64Counter(vllm.LoadBytes)
	if err != nil {
		t.Fatal(err)
	}
	var recorded atomic.Int64
	var stop atomic.Bool
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for !stop.Load() {
				loads.Add(1)
				recorded.Add(1)
			}
		})
	}
	for recorded.Load() < 100_000 {
		time.Sleep(time.Millisecond)
	}
	before := recorded.Load()
	var ended sync.WaitGroup
	for range 2 {
		ended.Go(func() {
			if err := service.Pipeline.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	ended.Wait()
	after := recorded.Load()
	for recorded.Load() < after+100_000 {
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	running.Wait()
	got := r.Sum("vllm.kv_offload.load_bytes")
	t.Logf("of %d bytes recorded before Shutdown was called %v were lost; it carried %v that were recorded during it",
		before, max(0, float64(before)-got), max(0, got-float64(before)))
	if got < float64(before) || got > float64(after)+4 {
		t.Errorf("%v bytes arrived, want from %d to %d", got, before, after)
	}
	if err := service.Pipeline.Shutdown(t.Context()); err != nil {
		t.Errorf("a later Shutdown returned %v", err)
	}
}

// TestShutdownWithAnExpiredContext tests that Shutdown does not wait then, returns the
// error of the context, and still ends all goroutines. What was not exported before is
// lost.
func TestShutdownWithAnExpiredContext(t *testing.T) {
	handleErrors(t)
	r := receiver.New(t, nil)
	r.Start(t)
	load.OverGRPC(t, r.Address())
	load.WhenFlushed(t)
	service := load.NewService(t, vllm.TieringSpec(), "shutdown", exporters.WithExporters("prometheus,otlp"),
		exporters.WithServer("127.0.0.1:0"))
	loads, err := service.Engines[0].Int64Counter(vllm.LoadBytes)
	if err != nil {
		t.Fatal(err)
	}
	loads.Add(100)
	flush(t, service)
	loads.Add(10)
	r.Answer(hang)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := service.Pipeline.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returned %v, want context.Canceled", err)
	}
	lost := 110 - r.Sum("vllm.kv_offload.load_bytes")
	t.Logf("lost %v of 110 bytes: what was recorded since the last export", lost)
	if lost != 10 {
		t.Errorf("lost %v bytes, want 10", lost)
	}
	if err := service.Pipeline.Shutdown(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("the second Shutdown returned %v, want the same", err)
	}
}

// TestHostCallbackFails tests that host instruments that panic or return an error cost no
// metric of the recorder, in any exporter.
func TestHostCallbackFails(t *testing.T) {
	fault := errors.New("fault of the host")
	tests := []struct {
		name     string
		callback func() error
	}{
		{"panic", func() error { panic(fault) }},
		{"error", func() error { return fault }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			errs := handleErrors(t)
			r := receiver.New(t, nil)
			r.Start(t)
			load.OverGRPC(t, r.Address())
			load.WhenFlushed(t)
			service := load.NewService(t, vllm.TieringSpec(), "host", exporters.WithExporters("prometheus,otlp"),
				exporters.WithoutServer())
			_, err := service.Pipeline.Meter("host").Int64ObservableGauge("host.gauge",
				metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return test.callback() }))
			if err != nil {
				t.Fatal(err)
			}
			recorded := record(t, service, func() bool { return true })
			if err := service.Pipeline.ForceFlush(t.Context()); err != nil {
				t.Error(err)
			}
			pushed, shown := r.Sum("vllm.kv_offload.load_bytes"), service.Exposed(t).Sum("vllm:kv_offload_load_bytes_total")
			want := float64(recorded.increments)
			t.Logf("lost %v of %v bytes over OTLP and %v on the scrape", want-pushed, want, want-shown)
			if pushed != want || shown != want {
				t.Error("totals are lost")
			}
			if err := errs.joined(); err == nil {
				t.Error("the host's fault is not reported")
			}
		})
	}
}
