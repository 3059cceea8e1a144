package tiering_test

import (
	"math"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestJobs(t *testing.T) {
	const tier = "1:fs"
	read := func(bytes, seconds float64) reduced {
		return reduced{of(vllm.TieringReadBytes, tier, ""): bytes, of(vllm.TieringReadTime, tier, ""): seconds}
	}
	bytesOnly := func(bytes float64) reduced { return reduced{of(vllm.TieringReadBytes, tier, ""): bytes} }
	promotionFailed := reduced{of(vllm.TieringPromotionJobFailures, tier, ""): 1}
	cascadeFailed := reduced{of(vllm.TieringCascadeJobFailures, tier, ""): 1}
	for _, test := range []struct {
		name   string
		events func(*tiering.Tracker)
		want   reduced
	}{
		{"bytes are keys times the chunk size", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 3).Succeed(2 * time.Second)
		}, read(48, 2)},
		{"bytes really moved", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(5)
			job.Succeed(2 * time.Second)
		}, read(5, 2)},
		{"nothing really moved", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(0)
			job.Succeed(0)
		}, bytesOnly(0)},
		{"negative bytes", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(-1)
			job.Succeed(0)
		}, bytesOnly(0)},
		{"no transfer time", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 1).Succeed(0)
		}, bytesOnly(16)},
		{"negative transfer time", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 1).Succeed(-time.Second)
		}, bytesOnly(16)},
		{"partial promotion", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 3).FailPartially(2, time.Second)
		}, all(promotionFailed, read(32, 1))},
		{"partial promotion, bytes really moved", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(7)
			job.FailPartially(2, time.Second)
		}, all(promotionFailed, read(7, 1))},
		{"partial promotion of more than it has", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 3).FailPartially(9, 0)
		}, all(promotionFailed, bytesOnly(48))},
		{"partial promotion of none is a failure", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 3).FailPartially(0, time.Second)
		}, promotionFailed},
		{"partial promotion of fewer than none", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 3).FailPartially(-4, time.Second)
		}, promotionFailed},
		{"partial cascade is a failure", func(tracker *tiering.Tracker) {
			tracker.StartCascade(1, 3).FailPartially(2, time.Second)
		}, cascadeFailed},
		{"failure after bytes were set", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(7)
			job.Fail()
		}, promotionFailed},
		{"no chunks", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 0).Succeed(0)
		}, bytesOnly(0)},
		{"fewer than no chunks", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, -5).Succeed(0)
		}, bytesOnly(0)},
		{"more chunks than bytes can count", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, math.MaxInt).Succeed(0)
		}, bytesOnly(math.MaxInt64)},
	} {
		t.Run(test.name, func(t *testing.T) {
			runIntervals(t, tiering.Config{SecondaryTiers: []string{"fs"}, PrimaryChunks: 8, ChunkSize: 16}, []interval{{
				events: func(tracker *tiering.Tracker) {
					test.events(tracker)
					if err := tracker.CheckIdle(); err != nil {
						t.Error(err)
					}
				},
				want: idle(test.want, tier),
			}})
		})
	}
}

func TestJobFinishesOnce(t *testing.T) {
	ways := map[string]func(*tiering.Job) bool{
		"Succeed":       func(j *tiering.Job) bool { return j.Succeed(time.Second) },
		"Fail":          (*tiering.Job).Fail,
		"FailPartially": func(j *tiering.Job) bool { return j.FailPartially(1, time.Second) },
	}
	for first, finish := range ways {
		for second, again := range ways {
			t.Run(first+" then "+second, func(t *testing.T) {
				tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs"}, PrimaryChunks: 8, ChunkSize: 16})
				other, job := tracker.StartPromotion(1, 1), tracker.StartPromotion(1, 2)
				if !finish(job) {
					t.Error("the first finish returned false")
				}
				tracker.Take()
				if again(job) {
					t.Error("the second finish returned true")
				}
				job.Allocated(3)
				job.SetBytes(99)
				mustEqual(t, "after the second finish", idle(reduced{
					of(vllm.TieringActivePromotionJobs, "1:fs", ""): 1,
					of(vllm.TieringPrimaryWriteUsage, "1:fs", ""):   0.125,
				}, "1:fs"), reduce(tracker.Take()))
				other.Fail()
				if err := tracker.CheckIdle(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestJobsThatCountNothing(t *testing.T) {
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs"}, ChunkSize: 16})
	jobs := map[string]*tiering.Job{
		"primary tier": tracker.StartPromotion(0, 1),
		"unknown tier": tracker.StartCascade(2, 1),
		"no such tier": tracker.StartLazyPromotion(-1, 1),
		"zero Job":     {},
		"nil Job":      nil,
	}
	for name, job := range jobs {
		job.Allocated(1)
		job.SetBytes(1)
		if job.Succeed(1) || job.Fail() || job.FailPartially(1, 1) {
			t.Errorf("%s: a finish returned true", name)
		}
	}
	mustEqual(t, "take", idle(nil, "1:fs"), reduce(tracker.Take()))
	if got := tracker.State().Rejected; got != 3 {
		t.Errorf("%d calls rejected, want 3", got)
	}
}

func TestLazyPromotion(t *testing.T) {
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs"}, PrimaryChunks: 8, ChunkSize: 16})
	state := func(jobs, usage float64) reduced {
		return idle(reduced{
			of(vllm.TieringActivePromotionJobs, "1:fs", ""): jobs,
			of(vllm.TieringPrimaryWriteUsage, "1:fs", ""):   usage,
		}, "1:fs")
	}
	job := tracker.StartLazyPromotion(1, 4)
	mustEqual(t, "started", state(1, 0), reduce(tracker.Take()))
	job.Allocated(1)
	job.Allocated(2)
	job.Allocated(-7)
	mustEqual(t, "allocated by the worker", state(1, 3./8), reduce(tracker.Take()))
	job.Succeed(0)
	mustEqual(t, "finished", all(state(0, 0), reduced{of(vllm.TieringReadBytes, "1:fs", ""): 64}), reduce(tracker.Take()))
}
