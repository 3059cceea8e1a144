// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"fmt"
	"testing"
)

// TestSpareMapsAreBounded holds that a burst of requests, or a large one, does
// not keep its memory for ever.
func TestSpareMapsAreBounded(t *testing.T) {
	request := func(tracker *Tracker, id string, chunks int) {
		for chunk := range ChunkKey(chunks) {
			tracker.RecordLookup(id, 0, chunk, Hit, 0)
		}
	}
	tracker := func() *Tracker {
		tracker, err := NewTracker(Config{})
		if err != nil {
			t.Fatal(err)
		}
		return tracker
	}
	t.Run("burst", func(t *testing.T) {
		tracker := tracker()
		for i := range 2 * maxSpareMaps {
			request(tracker, fmt.Sprint(i), 1)
		}
		for i := range 2 * maxSpareMaps {
			tracker.RequestFinished(fmt.Sprint(i))
		}
		if len(tracker.spare) != maxSpareMaps {
			t.Errorf("%d maps are kept, want %d", len(tracker.spare), maxSpareMaps)
		}
	})
	t.Run("large request", func(t *testing.T) {
		for chunks, want := range map[int]int{0: 0, 1: 1, maxSpareLookups: 1, maxSpareLookups + 1: 0} {
			tracker := tracker()
			request(tracker, "r", chunks)
			tracker.RequestFinished("r")
			if len(tracker.spare) != want {
				t.Errorf("after a request of %d chunks %d maps are kept, want %d", chunks, len(tracker.spare), want)
			}
		}
	})
	t.Run("reuse", func(t *testing.T) {
		tracker := tracker()
		request(tracker, "a", 1)
		tracker.RequestAllocated("a")
		request(tracker, "b", 1)
		if len(tracker.spare) != 0 {
			t.Errorf("%d maps are kept, want the one in use by the next request", len(tracker.spare))
		}
	})
}
