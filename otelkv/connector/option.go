// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// An Option sets one thing of a tracker, of this package or of package tiering. A
// tracker that has no use for it ignores it.
type Option func(*sink.Config)

// WithBinder records straight to the series of an engine, which the recorder's
// Engine.Binder gives, or of anything else that binds them, instead of filling
// payloads: Take then returns nil, and gauges are recorded when they change. The
// binder's series must be safe for concurrent use if they are shared with others.
// A nil binder is as if the option had not been given.
func WithBinder(binder stats.Binder) Option {
	return func(c *sink.Config) { c.Binder = binder }
}

// WithClock replaces [time.Now]. Delays are differences of its readings. One that
// would be negative, because the clock went backwards, is taken as zero.
func WithClock(now func() time.Time) Option {
	return func(c *sink.Config) { c.Clock = now }
}

// WithMaxRequests bounds the requests that a tracker remembers, which is 16,384
// otherwise. Past it the least recently used request is forgotten. A deferred
// lookup then loses its delay, and lookups in tiers that the request repeats count
// again.
func WithMaxRequests(n int) Option {
	return func(c *sink.Config) { c.MaxRequests = n }
}

// An outlet hands out what a tracker has recorded.
type outlet struct {
	mu     sync.Mutex // guards the sink and the tracker
	sink   *sink.Sink
	gauges func() // records what every payload holds, if not nil
}

// Take returns what was recorded since it was last called, with the gauges as they
// are now. It returns nil if that is nothing, and always with [WithBinder]. The
// payload belongs to the caller.
func (o *outlet) Take() *stats.Payload {
	taken := new(stats.Payload)
	if !o.TakeInto(taken) {
		return nil
	}
	return taken
}

// TakeInto is Take into the memory of dst, which belongs to the caller. It reports
// whether there was anything to take.
func (o *outlet) TakeInto(dst *stats.Payload) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gauges != nil {
		o.gauges()
	}
	return o.sink.TakeInto(dst)
}
