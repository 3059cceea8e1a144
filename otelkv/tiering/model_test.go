// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const (
	modelTiers     = 3 // the primary and two secondary tiers
	modelChunks    = 10
	modelChunkSize = 16
)

func modelTier(i int) string { return []string{"0:primary", "1:fs", "2:p2p"}[i] }

// model is the oracle: the tracker's rules on plain maps, with nothing bound,
// shared or reused. Delays are whole milliseconds, which add up exactly enough
// to compare after rounding.
type model struct {
	now      time.Duration
	requests map[string]map[string]any // "tier/chunk": a start, or "resolved"; nil when allocated
	totals   reduced
	jobs     []*modelJob
}

type modelJob struct {
	job       *tiering.Job
	promotion bool
	tier      int
	chunks    int
	held      int
	elapsed   *time.Duration // nil while it is not known
	finished  bool
}

func (m *model) add(key string, by float64) { m.totals[key] += by }

func (m *model) sample(h schema.Histogram, tier string, v time.Duration) {
	m.add(of(h, tier, "_count"), 1)
	m.add(of(h, tier, "_sum"), v.Seconds())
}

func (m *model) lookup(request string, tier int, chunk int, result tiering.Result, duration time.Duration) {
	observed, known := m.requests[request]
	if !known {
		observed = map[string]any{}
		m.requests[request] = observed
	}
	key := fmt.Sprint(tier, "/", chunk)
	if observed == nil || observed[key] == "resolved" || result == tiering.HitPending {
		return
	}
	start, waiting := observed[key].(time.Duration)
	if result == tiering.Retry {
		if !waiting {
			observed[key] = m.now - duration
		}
		return
	}
	label := modelTier(tier)
	m.add(of(vllm.TieringChunkQueries, label, ""), 1)
	if result == tiering.Hit {
		m.add(of(vllm.TieringChunkHits, label, ""), 1)
	}
	m.sample(vllm.TieringLookupSyncDelay, label, duration)
	if waiting {
		m.sample(vllm.TieringLookupAsyncDelay, label, m.now-start)
	}
	observed[key] = "resolved"
}

// gauges are what the jobs in flight amount to.
func (m *model) gauges() reduced {
	g := idle(nil, modelTier(1), modelTier(2))
	for _, j := range m.jobs {
		if j.finished {
			continue
		}
		jobs, usage := schema.Metric(vllm.TieringActiveCascadeJobs), schema.Metric(vllm.TieringPrimaryReadUsage)
		if j.promotion {
			jobs, usage = vllm.TieringActivePromotionJobs, vllm.TieringPrimaryWriteUsage
		}
		g[of(jobs, modelTier(j.tier), "")]++
		g[of(usage, modelTier(j.tier), "")] += float64(j.held) / modelChunks
	}
	return g
}

func (m *model) finish(j *modelJob, arrived int, failed bool) {
	if j.finished {
		return
	}
	j.finished = true
	label := modelTier(j.tier)
	failures, bytes, seconds := vllm.TieringCascadeJobFailures, vllm.TieringWriteBytes, vllm.TieringWriteTime
	if j.promotion {
		failures, bytes, seconds = vllm.TieringPromotionJobFailures, vllm.TieringReadBytes, vllm.TieringReadTime
	}
	if failed {
		m.add(of(failures, label, ""), 1)
		if !j.promotion || arrived == 0 {
			return
		}
	}
	m.add(of(bytes, label, ""), float64(arrived*modelChunkSize))
	if j.elapsed != nil {
		m.add(of(seconds, label, ""), j.elapsed.Seconds())
	}
}

// step does one random thing to both.
func (m *model) step(r *rand.Rand, c *clock, tracker *tiering.Tracker) {
	ms := func(n int) time.Duration { return time.Duration(r.IntN(n)) * time.Millisecond }
	request := fmt.Sprint("r", r.IntN(6))
	secondary, chunks, elapsed := 1+r.IntN(modelTiers-1), r.IntN(4), ms(50)
	switch event := r.IntN(20); event {
	case 0:
		tracker.RequestStarted(request)
		m.requests[request] = map[string]any{}
	case 1:
		tracker.RequestAllocated(request)
		if _, known := m.requests[request]; known {
			m.requests[request] = nil
		}
	case 2:
		tracker.RequestFinished(request)
		delete(m.requests, request)
	case 3:
		tracker.RecordPromotionAllocationFailure()
		m.add(vllm.TieringPromotionAllocationFailures.PrometheusName, 1)
	case 4:
		m.jobs = append(m.jobs, &modelJob{job: tracker.StartPromotion(secondary, chunks), promotion: true, tier: secondary, chunks: chunks, held: chunks})
	case 5:
		m.jobs = append(m.jobs, &modelJob{job: tracker.StartCascade(secondary, chunks), tier: secondary, chunks: chunks, held: chunks})
	case 6:
		m.jobs = append(m.jobs, &modelJob{job: tracker.StartLazyPromotion(secondary, chunks), promotion: true, tier: secondary, chunks: chunks})
	case 7, 8, 9, 10:
		if len(m.jobs) > 0 {
			m.stepJob(r, event, m.jobs[r.IntN(len(m.jobs))], chunks, elapsed)
		}
	default:
		d := ms(20)
		c.advance(d)
		m.now += d
		tier, chunk, result, duration := r.IntN(modelTiers), r.IntN(4), tiering.Miss+tiering.Result(r.IntN(4)), ms(5)
		tracker.RecordLookup(request, tier, tiering.ChunkKey(chunk), result, duration)
		m.lookup(request, tier, chunk, result, duration)
	}
}

// stepJob does something to a job, which may have finished before. The time of
// some transfers is never known.
func (m *model) stepJob(r *rand.Rand, event int, j *modelJob, chunks int, elapsed time.Duration) {
	if r.IntN(3) > 0 {
		j.job.SetTime(elapsed)
		j.elapsed = &elapsed
	}
	switch event {
	case 7:
		j.job.Succeed()
		m.finish(j, j.chunks, false)
	case 8:
		j.job.Fail()
		m.finish(j, 0, true)
	case 9:
		j.job.FailPartially(chunks)
		m.finish(j, min(chunks, j.chunks), true)
	case 10:
		j.job.Allocated(chunks)
		if !j.finished {
			j.held += chunks
		}
	}
}

func isGauge(key string) bool {
	return strings.Contains(key, "_usage_perc:") || strings.Contains(key, "_active_")
}

func round(r reduced) reduced {
	rounded := reduced{}
	for key, value := range r {
		rounded[key] = float64(int64(value*1e6+0.5)) / 1e6
	}
	return rounded
}

// TestModel drives a tracker with events in random order, takes at random times,
// and compares what it sent with the oracle.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r, c := rand.New(rand.NewPCG(seed, 0)), newClock()
			m := &model{requests: map[string]map[string]any{}, totals: reduced{}}
			tracker := newTracker(t, tiering.Config{
				SecondaryTiers: []string{"fs", "p2p"}, PrimaryChunks: modelChunks, ChunkSize: modelChunkSize,
			}, connector.WithClock(c.read))
			var sum, taken stats.Payload
			take := func() {
				tracker.TakeInto(&taken)
				mustEqual(t, "gauges", round(m.gauges()), round(only(isGauge, reduce(&taken))))
				if err := sum.Merge(&taken); err != nil {
					t.Fatal(err)
				}
			}
			for range 2000 {
				m.step(r, c, tracker)
				if r.IntN(25) == 0 {
					take()
				}
			}
			for _, j := range m.jobs {
				j.job.Succeed()
				m.finish(j, j.chunks, false)
			}
			take()
			if err := tracker.CheckIdle(); err != nil {
				t.Error(err)
			}
			total := reduce(&sum)
			mustEqual(t, "totals", round(m.totals), round(only(func(key string) bool { return !isGauge(key) }, total)))
			checkInvariants(t, total)
		})
	}
}

func only(keep func(string) bool, r reduced) reduced {
	kept := reduced{}
	for key, value := range r {
		if keep(key) {
			kept[key] = value
		}
	}
	return kept
}

// checkInvariants holds what must be true of any sequence of events after which
// no job is in flight, whatever the oracle says.
func checkInvariants(t *testing.T, total reduced) {
	t.Helper()
	for i := range modelTiers {
		tier := modelTier(i)
		queries, hits := total[of(vllm.TieringChunkQueries, tier, "")], total[of(vllm.TieringChunkHits, tier, "")]
		if hits > queries || queries == 0 {
			t.Errorf("tier %s: %v hits of %v queries", tier, hits, queries)
		}
		if samples := total[of(vllm.TieringLookupSyncDelay, tier, "_count")]; samples != queries {
			t.Errorf("tier %s: %v sync delays of %v queries", tier, samples, queries)
		}
		if samples := total[of(vllm.TieringLookupAsyncDelay, tier, "_count")]; samples > queries {
			t.Errorf("tier %s: %v async delays of %v queries", tier, samples, queries)
		}
	}
	for key, value := range total {
		if value < 0 || (isGauge(key) && value != 0) {
			t.Errorf("%s is %v at the end", key, value)
		}
	}
}

// TestModelCoversEverything keeps the model test honest: its events must touch
// every series of the catalogue's tiering group.
func TestModelCoversEverything(t *testing.T) {
	r, c := rand.New(rand.NewPCG(1, 0)), newClock()
	m := &model{requests: map[string]map[string]any{}, totals: reduced{}}
	tracker := newTracker(t, tiering.Config{SecondaryTiers: []string{"fs", "p2p"}, PrimaryChunks: modelChunks}, connector.WithClock(c.read))
	for range 2000 {
		m.step(r, c, tracker)
	}
	var names []string
	for metric := range tracker.Take().Metrics() {
		names = append(names, metric.Name())
	}
	for _, metric := range vllm.Tiering() {
		if name := metric.Definition().PrometheusName; !slices.Contains(names, name) {
			t.Errorf("%s was never recorded", name)
		}
	}
}
