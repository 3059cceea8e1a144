// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A flow is one direction of jobs between the primary and a secondary tier.
type flow struct {
	bytes    stats.Adder[int64]
	seconds  stats.Adder[float64]
	failures stats.Adder[int64]
	jobs     stats.Recorder[int64]
	usage    stats.Recorder[float64]

	active int64 // jobs in progress
	held   int64 // chunks of the primary tier that they pin
}

// A Job is one promotion or cascade in progress. Its methods are safe for concurrent use:
// a worker can finish a job that a scheduler started. A job finishes once. The first call
// of [Job.Succeed], [Job.Fail] or [Job.FailPartially] counts; later ones return false and
// change nothing. A job that never finishes stays in the gauges.
type Job struct {
	tracker    *Tracker // nil for a job that counts nothing
	tier       *tierSeries
	flow       *flow
	chunks     int64
	held       int64
	bytes      int64
	bytesKnown bool
	elapsed    time.Duration
	timed      bool
	started    time.Duration
	finished   bool
}

// StartPromotion records that chunks of the primary tier were allocated, and that a job
// was submitted that reads as many from a secondary tier, given by its index. If the
// tracker does not have the tier, it returns a job that counts nothing.
func (t *Tracker) StartPromotion(tier, chunks int) *Job {
	return t.startJob(tier, chunks, promotion, chunks)
}

// StartLazyPromotion is [Tracker.StartPromotion] for a tier whose workers allocate the
// chunks of the primary tier when they read. Until [Job.Allocated] is called, the job
// counts as active and pins nothing.
func (t *Tracker) StartLazyPromotion(tier, chunks int) *Job {
	return t.startJob(tier, chunks, promotion, 0)
}

// StartCascade records that a job was submitted that writes chunks of the primary tier to a
// secondary tier, given by its index. The tier's back-pressure detector, if there is one,
// gets the time until the job succeeds. If the tracker does not have the tier, it returns
// a job that counts nothing.
func (t *Tracker) StartCascade(tier, chunks int) *Job {
	return t.startJob(tier, chunks, cascade, chunks)
}

func promotion(t *tierSeries) *flow { return &t.promotions }
func cascade(t *tierSeries) *flow   { return &t.cascades }

func (t *Tracker) startJob(tier, chunks int, direction func(*tierSeries) *flow, held int) *Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tier < 1 || tier >= len(t.tiers) {
		t.rejected++
		return &Job{}
	}
	j := &Job{tracker: t, tier: &t.tiers[tier], chunks: max(int64(chunks), 0), started: t.now()}
	j.flow = direction(j.tier)
	j.flow.active++
	j.hold(int64(held))
	return j
}

// Allocated records that chunks of the primary tier were allocated for the job after its
// start. It may be called more than once: the chunks add up. It does nothing for a job that
// has finished.
func (j *Job) Allocated(chunks int) {
	j.update(func() { j.hold(int64(chunks)) })
}

// SetBytes sets the bytes that the job moved, if they are known. Otherwise a job that
// succeeds counts its chunks times the chunk size, as in vLLM, which is too much for a
// store of chunks that the tier has already. In vLLM, the same number is
// JobResult.transfer_bytes, which only the back-pressure detector gets; here the byte
// counters get it too. It does nothing for a job that has finished. A negative number is
// taken as zero.
func (j *Job) SetBytes(n int64) {
	j.update(func() { j.bytes, j.bytesKnown = max(n, 0), true })
}

// SetTime sets the time of the transfer, if it is known, as vLLM's JobResult.transfer_time
// does. After a time of zero the time counter exists, as in vLLM. A job without a time adds
// nothing to it. It does nothing for a job that has finished. A negative time is taken as
// zero.
func (j *Job) SetTime(elapsed time.Duration) {
	j.update(func() { j.elapsed, j.timed = max(elapsed, 0), true })
}

// Succeed finishes the job, and counts the bytes and the time of the transfer. It reports
// whether this call finished the job.
func (j *Job) Succeed() bool {
	return j.finish(func() {
		bytes := j.moved(j.chunks)
		j.count(bytes)
		if j.flow == &j.tier.cascades {
			now := j.tracker.now()
			j.tier.pressure.completed(now, now-j.started, bytes)
		}
	})
}

// Fail finishes the job, and counts one failure and nothing else. It reports whether this
// call finished the job.
func (j *Job) Fail() bool { return j.FailPartially(0) }

// FailPartially finishes a job of which only some chunks arrived. It counts one failure
// and, for a promotion, the bytes of those chunks and the time of the transfer. With no
// chunks, or for a cascade, it is the same as [Job.Fail]. It reports whether this call
// finished the job.
func (j *Job) FailPartially(chunks int) bool {
	return j.finish(func() {
		j.flow.failures.Add(1)
		arrived := min(int64(chunks), j.chunks)
		if arrived > 0 && j.flow == &j.tier.promotions {
			j.count(j.moved(arrived))
		}
	})
}

// finish counts what the job did, if this is the first call, and then removes the job from
// the gauges.
func (j *Job) finish(count func()) bool {
	return j.update(func() {
		j.finished = true
		count()
		j.flow.active--
		j.flow.held -= j.held
		j.tracker.recordFlow(j.flow)
	})
}

// update calls change, unless the job has finished or counts nothing. It reports whether it
// called.
func (j *Job) update(change func()) bool {
	if j == nil || j.tracker == nil {
		return false
	}
	j.tracker.mu.Lock()
	defer j.tracker.mu.Unlock()
	if j.finished {
		return false
	}
	change()
	return true
}

func (j *Job) hold(chunks int64) {
	chunks = max(chunks, 0)
	j.held += chunks
	j.flow.held += chunks
	j.tracker.recordFlow(j.flow)
}

func (j *Job) count(bytes int64) {
	j.flow.bytes.Add(bytes)
	if j.timed {
		j.flow.seconds.Add(j.elapsed.Seconds())
	}
}

// moved returns the bytes that the job moved if the given number of its chunks arrived. A
// product beyond int64 is the greatest int64.
func (j *Job) moved(chunks int64) int64 {
	size := j.tracker.chunkSize
	switch {
	case j.bytesKnown:
		return j.bytes
	case size > 0 && chunks > math.MaxInt64/size:
		return math.MaxInt64
	}
	return chunks * size
}

func (t *Tracker) recordFlow(f *flow) {
	f.jobs.Record(f.active)
	f.usage.Record(fraction(f.held, t.primaryChunks))
}

// CheckIdle returns nil if no job is in progress and none pins a chunk. This must hold after
// a cache was reset and its jobs were drained. Otherwise it returns one error for each
// gauge that is not zero, joined.
func (t *Tracker) CheckIdle() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for i, label := range t.labels[1:] {
		check := func(name string, value int64, unit string) {
			if value != 0 {
				errs = append(errs, fmt.Errorf("otelkv: metric %q: not idle: tier %q: %d %s, expected 0", name, label, value, unit))
			}
		}
		secondary := &t.tiers[1+i]
		check(vllm.TieringActivePromotionJobs.PrometheusName, secondary.promotions.active, "jobs in flight")
		check(vllm.TieringActiveCascadeJobs.PrometheusName, secondary.cascades.active, "jobs in flight")
		check(vllm.TieringPrimaryWriteUsage.PrometheusName, secondary.promotions.held, "chunks pinned")
		check(vllm.TieringPrimaryReadUsage.PrometheusName, secondary.cascades.held, "chunks pinned")
	}
	return errors.Join(errs...)
}
