// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// reduced is a payload in the flat form of vLLM's logger, nil for no payload.
type reduced map[string]float64

func reduce(p *stats.Payload) reduced {
	if p == nil {
		return nil
	}
	r := reduced{}
	for key, value := range p.Reduce().All() {
		r[key] = value.Float64()
	}
	return r
}

// of returns the flat key of a tier's series. The suffix is that of a histogram.
func of(m schema.Metric, tier, suffix string) string {
	return m.Definition().PrometheusName + ":('" + tier + "',)" + suffix
}

// idle returns the gauges that every payload has for the given tiers, at zero,
// and everything in also.
func idle(also reduced, tiers ...string) reduced {
	r := reduced{}
	for _, tier := range tiers {
		r[of(vllm.TieringActivePromotionJobs, tier, "")] = 0
		r[of(vllm.TieringActiveCascadeJobs, tier, "")] = 0
		r[of(vllm.TieringPrimaryWriteUsage, tier, "")] = 0
		r[of(vllm.TieringPrimaryReadUsage, tier, "")] = 0
	}
	maps.Copy(r, also)
	return r
}

// lookups returns the counts of resolved lookups in one tier, of which the
// durations were all zero.
func lookups(tier string, queries, hits float64) reduced {
	r := reduced{
		of(vllm.TieringChunkQueries, tier, ""):          queries,
		of(vllm.TieringLookupSyncDelay, tier, "_count"): queries,
		of(vllm.TieringLookupSyncDelay, tier, "_sum"):   0,
	}
	if hits > 0 {
		r[of(vllm.TieringChunkHits, tier, "")] = hits
	}
	return r
}

func all(parts ...reduced) reduced {
	r := reduced{}
	for _, part := range parts {
		maps.Copy(r, part)
	}
	return r
}

func mustEqual(t *testing.T, what string, want, got reduced) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// clock is a clock that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) read() time.Time         { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newTracker(t testing.TB, config tiering.Config, opts ...connector.Option) *tiering.Tracker {
	t.Helper()
	tracker, err := tiering.NewTracker(config, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tracker
}

// modes run a test for both destinations of a tracker: its own payload, and a
// binder. The function take returns what an interval brought.
func modes(t *testing.T, config tiering.Config, test func(t *testing.T, tracker *tiering.Tracker, take func() reduced), opts ...connector.Option) {
	t.Run("payload", func(t *testing.T) {
		tracker := newTracker(t, config, opts...)
		test(t, tracker, func() reduced { return reduce(tracker.Take()) })
	})
	t.Run("binder", func(t *testing.T) {
		var series stats.Payload
		tracker := newTracker(t, config, append(opts[:len(opts):len(opts)], connector.WithBinder(&series))...)
		test(t, tracker, func() reduced {
			if p := tracker.Take(); p != nil {
				t.Errorf("Take returned %v with a binder, want nil", reduce(p))
			}
			return reduce(series.Take())
		})
	})
}

// timed gives a job the time of its transfer.
func timed(j *tiering.Job, elapsed time.Duration) *tiering.Job {
	j.SetTime(elapsed)
	return j
}
