package tiering

import (
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// An outlet hands out what a tracker or a pool has recorded.
type outlet struct {
	mu     sync.Mutex // guards the sink and the tracker
	sink   *sink.Sink
	gauges func() // records what every payload holds
}

// Take returns what was recorded since it was last called, with the gauges as they
// are now, zeros included. It returns nil if that is nothing, and always with a
// binder. The payload belongs to the caller.
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
	o.gauges()
	return o.sink.TakeInto(dst)
}
