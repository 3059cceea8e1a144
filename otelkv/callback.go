// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"slices"
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
	added := guard.New("a callback", func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.callbacks = append(slices.Clip(r.callbacks), added)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.callbacks = slices.DeleteFunc(slices.Clone(r.callbacks), func(other *callback) bool { return other == added })
	}
}

type callback = guard.Call[struct{}]

// runCallbacks calls all callbacks, and waits until they have returned or the time is over.
func (r *Recorder) runCallbacks(ctx context.Context) {
	r.mu.RLock()
	all := r.callbacks
	r.mu.RUnlock()
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
