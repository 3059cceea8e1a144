package transfer

import (
	"context"
	"time"
)

// A Timer times one copy that runs between two calls. It is a small value; its
// copies are the same timer. The first of [Timer.End] and [Timer.Cancel]
// releases it, and what comes after does nothing, also when the timer's place in
// the pool times another copy by then. The zero Timer does nothing.
type Timer struct {
	recorder  *Recorder
	lease     lease[time.Time]
	direction Direction
}

// Start starts to time a copy. Call it when everything is prepared and nothing
// is left to wait for.
func (r *Recorder) Start(d Direction) Timer {
	t := Timer{recorder: r, lease: r.timers.get(), direction: d}
	t.lease.item.value = r.clock()
	return t
}

// End records the copy with the bytes that it moved, as [Recorder.Record] does,
// and releases the timer. It may be called from another goroutine than
// [Recorder.Start]. It reports whether this call released the timer.
func (t Timer) End(bytes int64) bool { return t.EndContext(context.Background(), bytes) }

// EndContext is [Timer.End] with a context, as [Recorder.RecordContext] is.
func (t Timer) EndContext(ctx context.Context, bytes int64) bool {
	if !t.lease.end() {
		return false
	}
	var elapsed time.Duration
	if bytes > 0 {
		// Before the pool's lock, for which other copies may make it wait.
		elapsed = t.recorder.clock().Sub(t.lease.item.value)
	}
	t.recorder.timers.put(t.lease.item)
	t.recorder.RecordContext(ctx, t.direction, bytes, elapsed)
	return true
}

// Cancel releases the timer and records nothing, for a copy that failed. It
// reports whether this call released the timer.
func (t Timer) Cancel() bool {
	if !t.lease.end() {
		return false
	}
	t.recorder.timers.put(t.lease.item)
	return true
}
