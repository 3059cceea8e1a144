package transfer

import (
	"testing"
	"time"
)

// TestTimerEndsBeforeThePoolsLock holds that a copy's time does not include the
// wait for a lock that other copies hold: when the clock is read, the timer has
// not been given back.
func TestTimerEndsBeforeThePoolsLock(t *testing.T) {
	free := -1
	var r *Recorder
	r, err := NewRecorder(WithClock(func() time.Time {
		free = len(r.timers.free)
		return time.Time{}
	}))
	if err != nil {
		t.Fatal(err)
	}
	r.Start(Load).End(1)
	if want := poolSize - 1; free != want {
		t.Errorf("%d timers were free when the clock was read, want %d", free, want)
	}
	if len(r.timers.free) != poolSize {
		t.Errorf("%d timers are free after the copy, want %d", len(r.timers.free), poolSize)
	}
}
