// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// An Outlet hands out what a tracker has recorded.
type Outlet struct {
	mu     *sync.Mutex // the tracker's
	sink   *Sink
	gauges func()
}

// NewOutlet returns an outlet of the sink. The mutex guards the sink and its tracker. The
// function records what every payload has; it may be nil.
func NewOutlet(mu *sync.Mutex, s *Sink, gauges func()) Outlet {
	return Outlet{mu: mu, sink: s, gauges: gauges}
}

// Take returns what was recorded since the last call, with the current gauges. It returns
// nil if there is nothing, and always if the tracker has a binder. The payload belongs to
// the caller.
func (o *Outlet) Take() *stats.Payload {
	taken := new(stats.Payload)
	if !o.TakeInto(taken) {
		return nil
	}
	return taken
}

// TakeInto is Take into the memory of dst, which belongs to the caller. It reports whether
// there was anything to take.
func (o *Outlet) TakeInto(dst *stats.Payload) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gauges != nil {
		o.gauges()
	}
	return o.sink.payload.TakeInto(dst)
}
