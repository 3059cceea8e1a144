// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// The limits in panels and alerts.
const (
	// lookupObjective is the time, in seconds, within which a lookup should release
	// the scheduler. It is one of the histogram's boundaries.
	lookupObjective = 0.005
	// lookupBudget is the fraction of lookups that may take longer.
	lookupBudget = 0.01
	// pinnedLimit is the pinned fraction of a CPU cache above which stores will soon find
	// no room.
	pinnedLimit = 0.9
	// silentSeconds is the age of the last payload above which an engine is silent.
	silentSeconds = 300
)

// backPressureMark returns the seconds per MiB above which stores to local storage are
// dropped, unless the service sets another mark.
func backPressureMark() float64 { return tiering.DefaultBackPressure("fs", "").HighWater }

// rows returns the rows of the dashboard of all engines.
func rows(w *writer) []row {
	return []row{
		overview(w),
		throughput(w),
		latency(w),
		tiers(w),
		eachTier(w),
		jobs(w),
		pressure(w),
		capacity(w),
		fleet(w),
		recorder(w),
	}
}

// found returns the hit rate of all tiers together. Every chunk is looked up in the
// primary tier first, and is a hit in at most one tier.
func found(w *writer) term {
	hits := w.ofEveryTier(func(w *writer) term { return w.sum(w.rate(vllm.TieringChunkHits)) })
	asked := w.ofTier("0:primary", func(w *writer) term { return w.sum(w.rate(vllm.TieringChunkQueries)) })
	return ratio(hits, asked)
}

func overview(w *writer) row {
	total := func(m schema.Metric) term { return w.sum(w.rate(m)) }
	return row{title: "Overview", panels: []panel{
		{
			title:       "Found in some tier",
			description: "Fraction of looked-up chunks that were in any tier.",
			unit:        unitFraction, kind: stat,
			queries: each(found(w), ""),
		},
		{
			title:       "Loaded",
			description: "Bytes per second that are loaded to GPUs.",
			unit:        unitBytesPerSecond, kind: stat,
			queries: each(total(vllm.LoadBytes), ""),
		},
		{
			title:       "Stored",
			description: "Bytes per second that are stored from GPUs.",
			unit:        unitBytesPerSecond, kind: stat,
			queries: each(total(vllm.StoreBytes), ""),
		},
		{
			title:       "Pinned, at most",
			description: "Fraction of a CPU cache that transfers pin, the largest value over all engines. It does not show how full a cache is.",
			unit:        unitFraction, kind: stat,
			queries: each(w.max(w.gauge(vllm.CPUCacheUsage)), ""),
			limit:   pinnedLimit,
		},
		{
			title:       "Slow lookups",
			description: "Fraction of lookups that block the scheduler for longer than 5 ms, the largest value over all engines.",
			unit:        unitFraction, kind: stat,
			queries: each(w.max(w.beyond(lookupObjective, vllm.LookupSyncDelay, byEngine()...)), ""),
			limit:   lookupBudget,
		},
		{
			title:       "Found no room",
			description: "Stores per second that found no room in the CPU cache. More than 0 for a long time means that the cache is too small or pinned.",
			unit:        unitPerSecond, kind: stat,
			queries: each(total(vllm.AllocationFailure), ""),
			limit:   0.1,
		},
	}}
}

// engineRows returns the rows of the dashboard of one engine.
func engineRows(w *writer) []row {
	total := func(m schema.Metric) term { return w.sum(w.rate(m)) }
	byTier := func(m schema.Metric) term { return w.sum(w.rate(m), schema.LabelTier) }
	seconds := func(q float64) term { return w.quantile(q, vllm.LookupSyncDelay) }
	return []row{
		overview(w),
		{title: "Work", panels: []panel{
			{
				title:       "Bandwidth",
				description: "Bytes per second to and from the GPU.",
				unit:        unitBytesPerSecond,
				queries:     []legended{{total(vllm.LoadBytes), "load"}, {total(vllm.StoreBytes), "store"}},
			},
			{
				title:       "Hit rate by tier",
				description: "Hits divided by queries, for each tier alone. A tier is asked only for what every tier above it missed.",
				unit:        unitFraction,
				queries:     each(ratio(byTier(vllm.TieringChunkHits), byTier(vllm.TieringChunkQueries)), legendTier),
			},
			{
				title:       "Scheduler blocked by a lookup",
				description: "Quantiles of the time that one offload lookup blocks the scheduler. The line is the objective for 99 in 100 lookups.",
				unit:        unitSeconds,
				queries:     []legended{{seconds(0.5), "p50"}, {seconds(0.9), "p90"}, {seconds(0.99), "p99"}},
				limit:       lookupObjective,
			},
			{
				title:       "CPU cache pinned",
				description: "Fraction of the CPU cache's chunks that transfers pin, of which stores write some and transfers read the rest. It does not show how full the cache is.",
				unit:        unitFraction,
				queries: []legended{
					{w.max(w.gauge(vllm.CPUCacheUsage)), "all"},
					{w.max(w.gauge(vllm.CPUCacheWriteUsage)), "writing"},
					{w.max(w.gauge(vllm.CPUCacheReadUsage)), "reading"},
				},
				limit: pinnedLimit,
			},
			{
				title:       "Bytes of secondary tiers",
				description: "Bytes per second that promotions read and cascades wrote.",
				unit:        unitBytesPerSecond,
				queries: []legended{
					{byTier(vllm.TieringReadBytes), "read, " + legendTier},
					{byTier(vllm.TieringWriteBytes), "written, " + legendTier},
				},
			},
			{
				title:       "What goes wrong",
				description: "Stores and promotions without room, failed jobs, and stores that back-pressure dropped, per second.",
				unit:        unitPerSecond,
				queries: []legended{
					{total(vllm.AllocationFailure), "stores without room"},
					{total(vllm.TieringPromotionAllocationFailures), "promotions without room"},
					{byTier(vllm.TieringPromotionJobFailures), "failed promotions, " + legendTier},
					{byTier(vllm.TieringCascadeJobFailures), "failed cascades, " + legendTier},
					{byTier(vllm.BackPressureStoresDropped), "dropped stores, " + legendTier},
				},
			},
		}},
	}
}
