// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/internal/guard"
)

// reports collects the errors of the error handler of package otel.
func reports(t *testing.T) func() string {
	var mu sync.Mutex
	var text strings.Builder
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		text.WriteString(err.Error() + "\n")
	}))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

func TestCall(t *testing.T) {
	fault := errors.New("the fault")
	tests := []struct {
		name   string
		f      func() (int, error)
		value  int
		report string
	}{
		{"a value", func() (int, error) { return 7, nil }, 7, ""},
		{"a value beside an error", func() (int, error) { return 7, fault }, 7, "otelkv: a callback failed while metrics were collected: the fault\n"},
		{"a panic", func() (int, error) { panic(fault) }, 0, "otelkv: a callback failed while metrics were collected: it panicked: the fault\n"},
		{"the end of the goroutine", func() (int, error) { runtime.Goexit(); return 7, nil }, 0, "otelkv: a callback failed while metrics were collected: it ended its goroutine\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reported := reports(t)
			call := guard.New("a callback", func(context.Context) (int, error) { return test.f() })
			for range 2 {
				if got, ok := call.Start(t.Context()).Wait(t.Context()); got != test.value || !ok {
					t.Errorf("got %d and %v, want %d", got, ok, test.value)
				}
			}
			if got, want := reported(), strings.Repeat(test.report, 2); got != want {
				t.Errorf("reported %q, want %q", got, want)
			}
		})
	}
}

// TestCallThatHangs: only the first caller waits, the hang is reported once, and the call
// works again after it returns.
func TestCallThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := reports(t)
		release := make(chan struct{})
		call := guard.New("a callback", func(context.Context) (int, error) { <-release; return 7, nil })
		wait := func() (time.Duration, bool) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			_, ok := call.Start(ctx).Wait(ctx)
			return time.Since(start), ok
		}
		for i, want := range []time.Duration{time.Second, 0, 0} {
			if took, ok := wait(); took != want || ok {
				t.Errorf("wait %d took %v and returned %v, want %v and false", i, took, ok, want)
			}
		}
		if got := reported(); strings.Count(got, "hangs") != 1 {
			t.Errorf("reported %q, want one hang", got)
		}
		close(release)
		synctest.Wait()
		if _, ok := wait(); !ok {
			t.Error("the call does not count after it returned")
		}
	})
}

// TestCallIsOneAtATime: concurrent callers get the value of the same call.
func TestCallIsOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		call := guard.New("a callback", func(context.Context) (int, error) {
			calls++
			time.Sleep(time.Second)
			return calls, nil
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if got, ok := call.Start(t.Context()).Wait(t.Context()); got != 1 || !ok {
					t.Errorf("got %d and %v, want the one call", got, ok)
				}
			})
		}
		wg.Wait()
	})
}

func TestCanceled(t *testing.T) {
	reported := reports(t)
	release := make(chan struct{})
	call := guard.New("a callback", func(context.Context) (int, error) { <-release; return 7, nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := call.Start(ctx).Wait(ctx); ok {
		t.Error("waited for a canceled context")
	}
	close(release)
	if got := reported(); got != "" {
		t.Errorf("reported %q: who cancels knows", got)
	}
}
