// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

// TestLookupsDoNotAllocate covers whole requests of new chunks, with the taking
// of what they left, on a tracker that has seen such requests before.
func TestLookupsDoNotAllocate(t *testing.T) {
	const chunks = 64
	// A binder's series of its own would not grow, but the payload's do, so it is
	// emptied by the test as the tracker's is.
	var direct, taken stats.Payload
	config := tiering.Config{SecondaryTiers: []string{"fs"}, PrimaryChunks: 64}
	for name, opts := range map[string][]connector.Option{
		"payload": nil,
		"binder":  {connector.WithBinder(&direct)},
	} {
		tracker := newTracker(t, config, opts...)
		request := func() {
			tracker.RequestStarted("r")
			for chunk := range tiering.ChunkKey(chunks) {
				tracker.RecordLookup("r", 0, chunk, tiering.Miss, time.Microsecond)
				tracker.RecordLookup("r", 1, chunk, tiering.Retry, time.Microsecond)
				tracker.RecordLookup("r", 1, chunk, tiering.Hit, time.Microsecond)
				tracker.RecordLookup("r", 1, chunk, tiering.Hit, time.Microsecond)
			}
			tracker.RequestAllocated("r")
			tracker.RequestFinished("r")
			tracker.TakeInto(&taken)
			direct.Reset()
		}
		for range 3 {
			request()
		}
		if n := testing.AllocsPerRun(50, request); n != 0 {
			t.Errorf("%s: a request of %d chunks allocates %v times, want 0", name, chunks, n)
		}
	}
}

// TestJobsAllocateTheirHandle bounds a job's cost to its handle.
func TestJobsAllocateTheirHandle(t *testing.T) {
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs"}, PrimaryChunks: 64, ChunkSize: 16})
	job := func() {
		j := tracker.StartPromotion(1, 2)
		j.SetBytes(7)
		timed(j, time.Millisecond).Succeed()
	}
	job()
	if n := testing.AllocsPerRun(50, job); n > 1 {
		t.Errorf("a job allocates %v times, want at most 1", n)
	}
}

// TestPoolDoesNotAllocate covers a step of a pool.
func TestPoolDoesNotAllocate(t *testing.T) {
	pool := newPool(t, tiering.Config{PrimaryChunks: 64, StoreThreshold: 2})
	var taken stats.Payload
	step := func() {
		pool.SetCounts(tiering.PoolCounts{Allocated: 3})
		pool.RecordAllocation(3)
		pool.RecordSkippedStores(1)
		pool.TakeInto(&taken)
	}
	for range 3 {
		step()
	}
	if n := testing.AllocsPerRun(50, step); n != 0 {
		t.Errorf("a step allocates %v times, want 0", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	tracker := newTracker(b, tiering.Config{SecondaryTiers: []string{"fs"}})
	for name, key := range map[string]func(int) tiering.ChunkKey{
		"resolved": func(int) tiering.ChunkKey { return 1 },
		"new":      func(i int) tiering.ChunkKey { return tiering.ChunkKey(i % 1024) },
	} {
		b.Run(name, func(b *testing.B) {
			var taken stats.Payload
			b.ReportAllocs()
			for i := range b.N {
				if i%1024 == 0 {
					tracker.RequestStarted("r")
					tracker.TakeInto(&taken)
				}
				tracker.RecordLookup("r", 1, key(i), tiering.Hit, time.Microsecond)
			}
		})
	}
}
