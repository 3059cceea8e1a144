package tiering_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestWorkersFinishOffThread has a scheduler look up and start jobs, workers
// finish them, and a reader take, all at once. Nothing may be lost or counted
// twice.
func TestWorkersFinishOffThread(t *testing.T) {
	const requests, chunks, workers = 200, 8, 4
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs"}, PrimaryChunks: 64, ChunkSize: 16},
		tiering.WithBackPressure(1, tiering.BackPressure{High: 1e9}))
	jobs := make(chan *tiering.Job, 16)
	var finishers sync.WaitGroup
	for range workers {
		finishers.Go(func() {
			for job := range jobs {
				job.Allocated(1)
				// Two goroutines finish each job, of which one must count.
				var once sync.WaitGroup
				once.Go(func() { job.Succeed(time.Millisecond) })
				job.Succeed(time.Millisecond)
				once.Wait()
			}
		})
	}
	var sum stats.Payload
	stop, reader := make(chan struct{}), sync.WaitGroup{}
	reader.Go(func() {
		for {
			if err := sum.Merge(tracker.Take()); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			default:
				runtime.Gosched()
			}
		}
	})
	for i := range requests {
		id := fmt.Sprint("r", i)
		tracker.RequestStarted(id)
		for chunk := range tiering.ChunkKey(chunks) {
			tracker.RecordLookup(id, 1, chunk, tiering.Retry, 0)
			tracker.RecordLookup(id, 1, chunk, tiering.Hit, 0)
		}
		tracker.RequestAllocated(id)
		jobs <- tracker.StartLazyPromotion(1, 1)
		if tracker.AdmitStore(1, 1) {
			jobs <- tracker.StartCascade(1, 1)
		}
		tracker.State()
		tracker.RequestFinished(id)
	}
	close(jobs)
	finishers.Wait()
	close(stop)
	reader.Wait()
	if err := sum.Merge(tracker.Take()); err != nil {
		t.Error(err)
	}
	if err := tracker.CheckIdle(); err != nil {
		t.Error(err)
	}
	got := reduce(&sum)
	for key, want := range map[string]float64{
		of(vllm.TieringChunkQueries, "1:fs", ""):           requests * chunks,
		of(vllm.TieringChunkHits, "1:fs", ""):              requests * chunks,
		of(vllm.TieringLookupSyncDelay, "1:fs", "_count"):  requests * chunks,
		of(vllm.TieringLookupAsyncDelay, "1:fs", "_count"): requests * chunks,
		of(vllm.TieringReadBytes, "1:fs", ""):              requests * 16,
		of(vllm.TieringWriteBytes, "1:fs", ""):             requests * 16,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}

// TestPoolOffThread has several goroutines record to one pool while another
// takes. Every sample and skipped store must arrive, and counts never mix.
func TestPoolOffThread(t *testing.T) {
	const workers, stores = 4, 200
	pool := newPool(t, 4, tiering.WithStoreThreshold(2))
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := range stores {
				pool.RecordAllocation(3)
				pool.RecordSkippedStores(2)
				pool.SetCounts(tiering.PoolCounts{Allocated: i % 5, WritePending: i % 5})
			}
		})
	}
	var sum stats.Payload
	take := func() {
		taken := pool.Take()
		if read := reduce(taken)[vllm.CPUCacheReadUsage.PrometheusName]; read != 0 {
			t.Errorf("read usage is %v, want 0 where all that is pinned is written", read)
		}
		if err := sum.Merge(taken); err != nil {
			t.Error(err)
		}
	}
	for range stores {
		take()
	}
	wait.Wait()
	take()
	got := reduce(&sum)
	for key, want := range all(allocations(workers*stores, 3*workers*stores), reduced{vllm.StoresSkipped.PrometheusName: 2 * workers * stores}) {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}
