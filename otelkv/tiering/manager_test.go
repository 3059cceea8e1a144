// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// manager looks chunks up as vLLM's tiering manager does: the primary tier, then
// the secondary tiers until one has the chunk, which starts a promotion. Its
// promotions are submitted at the end of a step, one job a tier.
type manager struct {
	tracker *tiering.Tracker
	pool    *tiering.CPUPool
	primary map[tiering.ChunkKey]bool
	tiers   []answers
	queued  [][]tiering.ChunkKey
	flying  map[*tiering.Job][]tiering.ChunkKey
	own     stats.Payload
}

// answers are what a secondary tier says about a chunk, one after the other and
// the last for ever. No answer is a miss.
type answers map[tiering.ChunkKey][]tiering.Result

func (a answers) lookup(key tiering.ChunkKey) tiering.Result {
	said := a[key]
	if len(said) == 0 {
		return tiering.Miss
	}
	if len(said) > 1 {
		a[key] = said[1:]
	}
	return said[0]
}

func newManager(t *testing.T, tiers ...answers) *manager {
	config := tiering.Config{PrimaryChunks: 8, ChunkSize: 16}
	for range tiers {
		config.SecondaryTiers = append(config.SecondaryTiers, "example")
	}
	return &manager{
		tracker: newTracker(t, config),
		pool:    newPool(t, tiering.Config{PrimaryChunks: config.PrimaryChunks}),
		primary: map[tiering.ChunkKey]bool{},
		tiers:   tiers,
		queued:  make([][]tiering.ChunkKey, len(tiers)),
		flying:  map[*tiering.Job][]tiering.ChunkKey{},
	}
}

func (m *manager) lookup(key tiering.ChunkKey) tiering.Result {
	if m.primary[key] {
		m.tracker.RecordLookup("r", 0, key, tiering.Hit, 0)
		return tiering.Hit
	}
	m.tracker.RecordLookup("r", 0, key, tiering.Miss, 0)
	result := tiering.Miss
	for i, tier := range m.tiers {
		answer := tier.lookup(key)
		m.tracker.RecordLookup("r", i+1, key, answer, 0)
		if answer == tiering.Hit {
			m.queued[i] = append(m.queued[i], key)
			return tiering.HitPending
		}
		if answer == tiering.Retry {
			result = tiering.Retry
		}
	}
	return result
}

// endSchedule submits what was queued.
func (m *manager) endSchedule() {
	for i, keys := range m.queued {
		if len(keys) > 0 {
			m.flying[m.tracker.StartPromotion(i+1, len(keys))] = keys
			m.queued[i] = nil
		}
	}
}

func (m *manager) completeJobs() {
	for job, keys := range m.flying {
		for _, key := range keys {
			m.primary[key] = true
		}
		job.Succeed()
		delete(m.flying, job)
	}
}

// stats aggregates as vLLM's manager: the pool, the tracker, the tiers' own.
func (m *manager) stats(t *testing.T) reduced {
	merged := m.pool.Take()
	for _, part := range []*stats.Payload{m.tracker.Take(), m.own.Take()} {
		if part == nil {
			continue
		}
		if err := merged.Merge(part); err != nil {
			t.Fatal(err)
		}
	}
	return reduce(merged)
}

// TestVLLMTieringManager holds the metric parts of vLLM's own tests of its
// tiering manager.
func TestVLLMTieringManager(t *testing.T) {
	hit := []tiering.Result{tiering.Hit}
	base := func(also ...reduced) reduced {
		return idle(all(usage(0, 0, 0), all(also...)), "1:example", "2:example")
	}
	promoting := func(jobs, usage float64) reduced {
		return reduced{
			of(vllm.TieringActivePromotionJobs, "1:example", ""): jobs,
			of(vllm.TieringPrimaryWriteUsage, "1:example", ""):   usage,
		}
	}
	read := func(bytes float64) reduced { return reduced{of(vllm.TieringReadBytes, "1:example", ""): bytes} }

	t.Run("aggregation", func(t *testing.T) {
		m := newManager(t, answers{}, answers{})
		if err := m.own.AddCounter("my_tier_metric", stats.Int64(7), "test_metrics"); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "first", base(reduced{"my_tier_metric:('test_metrics',)": 7}), m.stats(t))
		mustEqual(t, "second", base(), m.stats(t))
	})
	t.Run("two tiers miss", func(t *testing.T) {
		m := newManager(t, answers{}, answers{})
		for key := range tiering.ChunkKey(2) {
			if got := m.lookup(key); got != tiering.Miss {
				t.Errorf("chunk %d is %v, want MISS", key, got)
			}
		}
		mustEqual(t, "stats", base(lookups("0:primary", 2, 0), lookups("1:example", 2, 0), lookups("2:example", 2, 0)), m.stats(t))
	})
	t.Run("chunk in tier 1", func(t *testing.T) {
		m := newManager(t, answers{7: hit}, answers{})
		if got := m.lookup(7); got != tiering.HitPending {
			t.Errorf("lookup is %v, want HIT_PENDING", got)
		}
		m.endSchedule()
		mustEqual(t, "after schedule end", base(lookups("0:primary", 1, 0), lookups("1:example", 1, 1), promoting(1, 0.125)), m.stats(t))
		m.completeJobs()
		if got := m.lookup(7); got != tiering.Hit {
			t.Errorf("lookup after the promotion is %v, want HIT", got)
		}
		mustEqual(t, "after the promotion", base(read(16)), m.stats(t))
	})
	t.Run("tier 1 retries then hits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newManager(t, answers{7: {tiering.Retry, tiering.Hit}}, answers{7: {tiering.Miss}})
			m.lookup(7)
			mustEqual(t, "first read", base(lookups("0:primary", 1, 0), lookups("2:example", 1, 0)), m.stats(t))
			time.Sleep(250 * time.Millisecond)
			m.lookup(7)
			mustEqual(t, "second read", base(lookups("1:example", 1, 1), reduced{
				of(vllm.TieringLookupAsyncDelay, "1:example", "_count"): 1,
				of(vllm.TieringLookupAsyncDelay, "1:example", "_sum"):   0.25,
			}), m.stats(t))
		})
	})
	t.Run("eager promotion counters", func(t *testing.T) {
		m := newManager(t, answers{1: hit, 2: hit}, answers{})
		m.lookup(1)
		m.lookup(2)
		before := all(lookups("0:primary", 2, 0), lookups("1:example", 2, 2))
		mustEqual(t, "before flush", base(before), m.stats(t))
		m.endSchedule()
		mustEqual(t, "after flush", base(promoting(1, 0.25)), m.stats(t))
		m.completeJobs()
		mustEqual(t, "after completion", base(read(32)), m.stats(t))
		if err := m.tracker.CheckIdle(); err != nil {
			t.Error(err)
		}
	})
}

// TestVLLMSpecMerge holds vLLM's case of a tier that declares a metric of its own.
func TestVLLMSpecMerge(t *testing.T) {
	own := schema.Int64Counter{
		Name: "my_tier.metric", PrometheusName: "my_tier_metric", Unit: "{event}",
		Description: "A metric of one tier.", LabelNames: []string{schema.LabelTier},
	}
	merged, err := vllm.TieringSpec().Merge(schema.MustCatalogue(own))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		metric schema.Metric
		kind   schema.Kind
		labels []string
	}{
		{own, schema.KindCounter, []string{"tier"}},
		{vllm.TieringChunkQueries, schema.KindCounter, []string{"tier"}},
		{vllm.TieringLookupSyncDelay, schema.KindHistogram, []string{"tier"}},
		{vllm.TieringLookupAsyncDelay, schema.KindHistogram, []string{"tier"}},
		{vllm.TieringPromotionJobFailures, schema.KindCounter, []string{"tier"}},
		{vllm.TieringPromotionAllocationFailures, schema.KindCounter, nil},
		{vllm.TieringPrimaryWriteUsage, schema.KindGauge, []string{"tier"}},
		{vllm.TieringPrimaryReadUsage, schema.KindGauge, []string{"tier"}},
		{vllm.TieringActivePromotionJobs, schema.KindGauge, []string{"tier"}},
		{vllm.TieringActiveCascadeJobs, schema.KindGauge, []string{"tier"}},
	} {
		want := test.metric.Definition()
		got, found := merged.Lookup(want.PrometheusName)
		if !found || got.Kind() != test.kind || !slices.Equal(got.LabelNames, test.labels) || got.Description != want.Description {
			t.Errorf("%s is %t, %v %q %q; want a %v with %q", want.PrometheusName, found, got.Kind(), got.LabelNames, got.Description, test.kind, test.labels)
		}
	}
}
