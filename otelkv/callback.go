// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/internal/guard"
)

// callbackTimeout is the longest time that a collection waits for callbacks. It waits for at
// most half of its own time, so that the rest is left to export.
const callbackTimeout = 5 * time.Second

// RegisterCallback makes every collection call f first. There f records what something else
// counts: it observes totals ([Int64Total], [Float64Total], [HistogramTotal]) and sets
// gauges. The returned function unregisters f; a call in progress may still finish. It may
// be called more than once.
//
// The callbacks of a recorder run concurrently, each in a goroutine of its own. Only one
// call of f runs at a time, even if several readers collect at once. A collection waits for
// f until half of its own time is over, but at most five seconds. Then the context ends. If
// f hangs, panics or returns an error, the collection continues without it, and the error
// handler of package otel gets an error; if f hangs, only once. f may use the recorder, but
// must not collect.
func (r *Recorder) RegisterCallback(f func(context.Context) error) (unregister func()) {
	return r.callbacks.add(f)
}

// callbacks are the functions to call before each collection.
type callbacks struct {
	mu  sync.Mutex
	all []*guard.Call[struct{}] // replaced, never changed
}

func (c *callbacks) add(f func(context.Context) error) (remove func()) {
	added := guard.New("a callback", func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(slices.Clip(c.all), added)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = slices.DeleteFunc(slices.Clone(c.all), func(other *guard.Call[struct{}]) bool { return other == added })
	}
}

// clear unregisters all callbacks.
func (c *callbacks) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = nil
}

// run calls all callbacks, and waits until they have returned or the time is over.
func (c *callbacks) run(ctx context.Context) {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	if len(all) == 0 {
		return
	}
	timeout := callbackTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	runs := make([]*guard.Run[struct{}], len(all))
	for i, callback := range all {
		runs[i] = callback.Start(ctx)
	}
	for _, run := range runs {
		run.Wait(ctx)
	}
}
