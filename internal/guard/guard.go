// SPDX-License-Identifier: Apache-2.0

// Package guard calls functions of others, which may hang, panic or end their
// goroutine, without being held up by them.
package guard

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel"
)

// A Call is a function of somebody else. One call of it is under way at a time: who
// comes meanwhile waits for the same one. What goes wrong is reported to the error
// handler of package otel. It is safe for concurrent use.
type Call[T any] struct {
	what string
	f    func(context.Context) (T, error)

	mu      sync.Mutex
	running *Run[T]
}

// A Run is one call that is under way.
type Run[T any] struct {
	call  *Call[T]
	done  chan struct{}
	value T
	late  bool // that somebody has waited in vain, guarded by call.mu
}

// New returns a call of f. The errors say that it is a call of what, such as "a
// callback".
func New[T any](what string, f func(context.Context) (T, error)) *Call[T] {
	return &Call[T]{what: what, f: f}
}

// Start calls the function in a goroutine, unless a call is under way already.
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

// Wait returns what the function returned beside any error, and true, or false where
// it does not return before ctx is done. Nobody waits for a call that another has
// waited for in vain.
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
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && r.isLate() {
		otel.Handle(fmt.Errorf("otelkv: %s hangs: metrics are collected without it until it returns", r.call.what))
	}
	return none, false
}

// isLate says that the call is late. It reports false where that is known, or the
// call has ended.
func (r *Run[T]) isLate() bool {
	r.call.mu.Lock()
	defer r.call.mu.Unlock()
	if r.late || r.call.running != r {
		return false
	}
	r.late = true
	return true
}
