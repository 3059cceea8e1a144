// SPDX-License-Identifier: Apache-2.0

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
			timed(tracker.StartPromotion(1, 3), 2*time.Second).Succeed()
		}, read(48, 2)},
		{"bytes really moved", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(5)
			timed(job, 2*time.Second).Succeed()
		}, read(5, 2)},
		{"nothing really moved", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(0)
			job.Succeed()
		}, bytesOnly(0)},
		{"negative bytes", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(-1)
			job.Succeed()
		}, bytesOnly(0)},
		{"no transfer time", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 1).Succeed()
		}, bytesOnly(16)},
		{"a transfer time of zero is a time", func(tracker *tiering.Tracker) {
			timed(tracker.StartPromotion(1, 1), 0).Succeed()
		}, read(16, 0)},
		{"a transfer time of zero of a cascade", func(tracker *tiering.Tracker) {
			timed(tracker.StartCascade(1, 1), 0).Succeed()
		}, reduced{of(vllm.TieringWriteBytes, tier, ""): 16, of(vllm.TieringWriteTime, tier, ""): 0}},
		{"negative transfer time", func(tracker *tiering.Tracker) {
			timed(tracker.StartPromotion(1, 1), -time.Second).Succeed()
		}, read(16, 0)},
		{"the last transfer time counts", func(tracker *tiering.Tracker) {
			timed(timed(tracker.StartPromotion(1, 1), time.Hour), time.Second).Succeed()
		}, read(16, 1)},
		{"partial promotion in no time", func(tracker *tiering.Tracker) {
			timed(tracker.StartPromotion(1, 3), 0).FailPartially(2)
		}, all(promotionFailed, read(32, 0))},
		{"partial promotion", func(tracker *tiering.Tracker) {
			timed(tracker.StartPromotion(1, 3), time.Second).FailPartially(2)
		}, all(promotionFailed, read(32, 1))},
		{"partial promotion, bytes really moved", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(7)
			timed(job, time.Second).FailPartially(2)
		}, all(promotionFailed, read(7, 1))},
		{"partial promotion of more than it has", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 3).FailPartially(9)
		}, all(promotionFailed, bytesOnly(48))},
		{"partial promotion of none is a failure", func(tracker *tiering.Tracker) {
			timed(tracker.StartPromotion(1, 3), time.Second).FailPartially(0)
		}, promotionFailed},
		{"partial promotion of fewer than none", func(tracker *tiering.Tracker) {
			timed(tracker.StartPromotion(1, 3), time.Second).FailPartially(-4)
		}, promotionFailed},
		{"partial cascade is a failure", func(tracker *tiering.Tracker) {
			timed(tracker.StartCascade(1, 3), time.Second).FailPartially(2)
		}, cascadeFailed},
		{"failure after bytes were set", func(tracker *tiering.Tracker) {
			job := tracker.StartPromotion(1, 3)
			job.SetBytes(7)
			job.Fail()
		}, promotionFailed},
		{"no chunks", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, 0).Succeed()
		}, bytesOnly(0)},
		{"fewer than no chunks", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, -5).Succeed()
		}, bytesOnly(0)},
		{"more chunks than bytes can count", func(tracker *tiering.Tracker) {
			tracker.StartPromotion(1, math.MaxInt).Succeed()
		}, bytesOnly(float64(min(int64(math.MaxInt), math.MaxInt64/16)) * 16)},
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
		"Succeed":       func(j *tiering.Job) bool { return timed(j, time.Second).Succeed() },
		"Fail":          (*tiering.Job).Fail,
		"FailPartially": func(j *tiering.Job) bool { return timed(j, time.Second).FailPartially(1) },
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
				job.SetTime(time.Hour)
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
		if timed(job, 1).Succeed() || job.Fail() || timed(job, 1).FailPartially(1) {
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
	job.Succeed()
	mustEqual(t, "finished", all(state(0, 0), reduced{of(vllm.TieringReadBytes, "1:fs", ""): 64}), reduce(tracker.Take()))
}
