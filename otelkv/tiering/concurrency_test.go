// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// neverPressed configures a detector whose marks no store reaches.
func neverPressed() tiering.BackPressure {
	b := tiering.DefaultBackPressure("fs", "")
	b.HighWater = 1e9
	return b
}

// TestWorkersFinishOffThread has schedulers look up and start jobs, workers
// finish them, and a reader take and ask, all at once. Nothing may be lost or
// counted twice.
func TestWorkersFinishOffThread(t *testing.T) {
	const schedulers, requests, chunks, workers = 2, 100, 8, 4
	tracker := newTracker(t, tiering.Config{
		SecondaryTiers: []string{"fs"}, PrimaryChunks: 64, ChunkSize: 16,
		BackPressure: map[int]tiering.BackPressure{1: neverPressed()},
	})
	jobs := make(chan *tiering.Job, 16)
	var finishers sync.WaitGroup
	for range workers {
		finishers.Go(func() {
			for job := range jobs {
				job.Allocated(1)
				job.SetBytes(16)
				// Two goroutines finish each job, of which one must count.
				var once sync.WaitGroup
				once.Go(func() { timed(job, time.Millisecond).Succeed() })
				timed(job, time.Millisecond).Succeed()
				once.Wait()
			}
		})
	}
	var sum, taken stats.Payload
	stop, reader := make(chan struct{}), sync.WaitGroup{}
	reader.Go(func() {
		for {
			tracker.TakeInto(&taken)
			if err := errors.Join(sum.Merge(&taken), sum.Merge(tracker.Take())); err != nil {
				t.Error(err)
			}
			tracker.State()
			tracker.StoreLatency(1)
			if err := tracker.CheckIdle(); err != nil && !strings.Contains(err.Error(), "not idle") {
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
	schedule := func(id string) {
		tracker.RequestStarted(id)
		for chunk := range tiering.ChunkKey(chunks) {
			tracker.RecordLookup(id, 1, chunk, tiering.Retry, 0)
			tracker.RecordLookup(id, 1, chunk, tiering.Hit, 0)
		}
		tracker.RecordPromotionAllocationFailure()
		tracker.RequestAllocated(id)
		jobs <- tracker.StartPromotion(1, 1)
		jobs <- tracker.StartLazyPromotion(1, 1)
		if tracker.AdmitStore(1, 1) {
			jobs <- tracker.StartCascade(1, 1)
		}
		tracker.RecordDroppedStore(1, 3)
		tracker.RequestFinished(id)
	}
	var scheduling sync.WaitGroup
	for s := range schedulers {
		scheduling.Go(func() {
			for i := range requests {
				schedule(fmt.Sprint(s, "/", i))
			}
		})
	}
	scheduling.Wait()
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
	if got, want := tracker.State(), (tiering.State{}); got != want {
		t.Errorf("state is %+v, want %+v", got, want)
	}
	const all = schedulers * requests
	got := reduce(&sum)
	for key, want := range map[string]float64{
		of(vllm.TieringChunkQueries, "1:fs", ""):               all * chunks,
		of(vllm.TieringChunkHits, "1:fs", ""):                  all * chunks,
		of(vllm.TieringLookupSyncDelay, "1:fs", "_count"):      all * chunks,
		of(vllm.TieringLookupAsyncDelay, "1:fs", "_count"):     all * chunks,
		of(vllm.TieringReadBytes, "1:fs", ""):                  all * 2 * 16,
		of(vllm.TieringWriteBytes, "1:fs", ""):                 all * 16,
		of(vllm.BackPressureStoresDropped, "1:fs", ""):         all,
		of(vllm.BackPressureBlocksDropped, "1:fs", ""):         all * 3,
		vllm.TieringPromotionAllocationFailures.PrometheusName: all,
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
	pool := newPool(t, tiering.Config{PrimaryChunks: 4, StoreThreshold: 2})
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
	var sum, reused stats.Payload
	check := func(taken *stats.Payload) {
		if read := reduce(taken)[vllm.CPUCacheReadUsage.PrometheusName]; read != 0 {
			t.Errorf("read usage is %v, want 0 where all that is pinned is written", read)
		}
		if err := sum.Merge(taken); err != nil {
			t.Error(err)
		}
	}
	for range stores {
		check(pool.Take())
		pool.TakeInto(&reused)
		check(&reused)
	}
	wait.Wait()
	check(pool.Take())
	got := reduce(&sum)
	for key, want := range all(allocations(workers*stores, 3*workers*stores), reduced{vllm.StoresSkipped.PrometheusName: 2 * workers * stores}) {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}

// TestEveryMethodOffThread calls each method in a goroutine of its own, for the
// race detector: one that took no lock would meet the others.
func TestEveryMethodOffThread(t *testing.T) {
	tracker := newTracker(t, tiering.Config{
		SecondaryTiers: []string{"fs"}, PrimaryChunks: 8, ChunkSize: mebibyte,
		BackPressure: map[int]tiering.BackPressure{1: tiering.DefaultBackPressure("fs", "")},
	}, withMaxRequests(2))
	pool := newPool(t, tiering.Config{PrimaryChunks: 8, StoreThreshold: 2})
	job := tracker.StartPromotion(1, 1)
	var trackerTaken, poolTaken stats.Payload
	var wait sync.WaitGroup
	for _, call := range []func(){
		func() { tracker.RequestStarted("a") },
		func() { tracker.RequestAllocated("a") },
		func() { tracker.RequestFinished("a") },
		func() { tracker.RecordLookup("a", 1, 1, tiering.Retry, 0) },
		func() { tracker.RecordLookup("a", 1, 1, tiering.Hit, 0) },
		func() { timed(tracker.StartPromotion(1, 1), time.Second).Succeed() },
		func() { tracker.StartLazyPromotion(1, 1).FailPartially(1) },
		func() { timed(tracker.StartCascade(1, 1), time.Second).Succeed() },
		func() { tracker.StartCascade(1, 1).Fail() },
		func() { job.Allocated(1) },
		func() { job.SetBytes(1) },
		func() { job.Succeed() },
		tracker.RecordPromotionAllocationFailure,
		func() { tracker.AdmitStore(1, 1) },
		func() { tracker.RecordDroppedStore(1, 1) },
		func() { tracker.StoreLatency(1) },
		tracker.ResetBackPressure,
		func() { tracker.Tiers() },
		func() { tracker.State() },
		func() { _ = tracker.CheckIdle() },
		func() { tracker.Take() },
		func() { tracker.TakeInto(&trackerTaken) },
		func() { pool.SetCounts(tiering.PoolCounts{Allocated: 1}) },
		func() { pool.RecordAllocation(1) },
		func() { pool.RecordSkippedStores(1) },
		func() { pool.Take() },
		func() { pool.TakeInto(&poolTaken) },
	} {
		wait.Go(func() {
			for range 100 {
				call()
			}
		})
	}
	wait.Wait()
	if err := tracker.CheckIdle(); err != nil {
		t.Error(err)
	}
}
