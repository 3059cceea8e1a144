// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/internal/guard"
)

// callbackTimeout is how long a collection waits for callbacks, at most. It waits
// for half of the time that it has itself, so that some is left to export.
const callbackTimeout = 5 * time.Second

// RegisterCallback makes every collection call f first, so that f can record
// what is kept elsewhere: it observes totals ([Int64Total] and its siblings) and
// sets gauges. The returned function ends that; f may then still be under way
// once. It may be called more than once.
//
// The callbacks of a recorder run at the same time as each other, each in a
// goroutine of its own. One call of f is under way at a time, also where several
// readers collect at once. A collection waits for f until half of its own time is
// over, and no longer than five seconds; the context ends then. It goes on without
// f where f hangs, panics or returns an error. That is reported to the error handler
// of package otel; of one that hangs, once. f may use the recorder, and must not
// collect.
func (r *Recorder) RegisterCallback(f func(context.Context) error) (unregister func()) {
	return r.callbacks.add(f)
}

// callbacks are what the user wants called before each collection.
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

// clear forgets them all.
func (c *callbacks) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = nil
}

// run calls them, and waits until they have returned or the time is over.
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
