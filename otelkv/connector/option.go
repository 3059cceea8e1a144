// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"time"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// An Option sets one thing of a tracker, of this package or of package tiering. A tracker
// ignores the options that it has no use for.
type Option func(*sink.Config)

// WithBinder makes a tracker record to the series of a binder, such as an engine of the
// recorder, instead of filling payloads. Take then returns nil, and gauges are recorded
// when they change. If others use the series too, they must be safe for concurrent use. A
// nil binder is the same as no option.
func WithBinder(binder stats.Binder) Option {
	return func(c *sink.Config) { c.Binder = binder }
}

// WithClock replaces [time.Now]. Delays are differences between its readings. A negative
// difference, from a clock that went backwards, is taken as zero.
func WithClock(now func() time.Time) Option {
	return func(c *sink.Config) { c.Clock = now }
}

// An outlet gives a tracker the methods Take and TakeInto.
type outlet struct{ sink.Outlet }

// Take returns what was recorded since the last call, with the current gauges. It returns
// nil if there is nothing, and always if the tracker has a binder. The payload belongs to
// the caller.
func (o *outlet) Take() *stats.Payload { return o.Outlet.Take() }

// TakeInto is Take into the memory of dst, which belongs to the caller. It reports whether
// there was anything to take.
func (o *outlet) TakeInto(dst *stats.Payload) bool { return o.Outlet.TakeInto(dst) }
