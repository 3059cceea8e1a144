// SPDX-License-Identifier: Apache-2.0

// Package guard calls functions that may hang, panic or end their goroutine, and does not
// wait for them beyond a deadline.
package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel"
)

// A Call is a function of the program. Only one call of it runs at a time: concurrent
// callers wait for the same call. Failures go to the error handler of package otel. It is
// safe for concurrent use.
type Call[T any] struct {
	what string
	f    func(context.Context) (T, error)

	mu      sync.Mutex
	running *Run[T]
}

// A Run is one call in progress.
type Run[T any] struct {
	call  *Call[T]
	done  chan struct{}
	value T
	late  bool // whether a caller reached its deadline; guarded by call.mu
}

// New returns a call of f. Errors name it by what, such as "a callback".
func New[T any](what string, f func(context.Context) (T, error)) *Call[T] {
	return &Call[T]{what: what, f: f}
}

// Start calls the function in a goroutine, unless a call is in progress.
func (c *Call[T]) Start(ctx context.Context) *Run[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = &Run[T]{call: c, done: make(chan struct{})}
		go c.running.run(ctx)
	}
	return c.running
}

func (r *Run[T]) run(ctx context.Context) {
	failure := errors.New("it ended its goroutine") // unless it returns
	defer func() {
		if p := recover(); p != nil {
			failure = fmt.Errorf("it panicked: %v", p)
		}
		if failure != nil {
			otel.Handle(fmt.Errorf("otelkv: %s failed while metrics were collected: %w", r.call.what, failure))
		}
		r.call.mu.Lock()
		defer r.call.mu.Unlock()
		r.call.running = nil
		close(r.done)
	}()
	r.value, failure = r.call.f(ctx)
}

// Wait returns the function's value and true, or false if the function does not return
// before ctx is done. It does not wait for a call for which another caller reached its
// deadline.
func (r *Run[T]) Wait(ctx context.Context) (T, bool) {
	var none T
	r.call.mu.Lock()
	late := r.late
	r.call.mu.Unlock()
	if late {
		return none, false
	}
	select {
	case <-r.done:
		return r.value, true
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && r.markLate() {
		otel.Handle(fmt.Errorf("otelkv: %s hangs: metrics are collected without it until it returns", r.call.what))
	}
	return none, false
}

// markLate marks the call as late. It reports false if it was marked before, or if the call
// has ended.
func (r *Run[T]) markLate() bool {
	r.call.mu.Lock()
	defer r.call.mu.Unlock()
	if r.late || r.call.running != r {
		return false
	}
	r.late = true
	return true
}
