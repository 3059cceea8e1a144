// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func throughput(w *writer) row {
	speed := func(bytes, seconds schema.Metric) term {
		return ratio(w.sum(w.rate(bytes), byEngine()...), w.sum(w.rate(seconds), byEngine()...))
	}
	return row{title: "Throughput", panels: []panel{
		{
			title:       "Load bandwidth",
			description: "Bytes per second that cache hits outside the GPU load to it.",
			unit:        unitBytesPerSecond,
			queries:     each(w.sum(w.rate(vllm.LoadBytes), byEngine()...), legendEngine),
		},
		{
			title:       "Store bandwidth",
			description: "Bytes per second that go from the GPU to offload storage. If this is much more than the loads for a long time, most of the stored data is never used.",
			unit:        unitBytesPerSecond,
			queries:     each(w.sum(w.rate(vllm.StoreBytes), byEngine()...), legendEngine),
		},
		{
			title:       "Speed of one transfer",
			description: "Bytes divided by the seconds that workers spent on them. This is the mean speed of one transfer on one worker, and does not depend on the load.",
			unit:        unitBytesPerSecond,
			queries:     twoWays(speed(vllm.LoadBytes, vllm.LoadTime), speed(vllm.StoreBytes, vllm.StoreTime)),
		},
		{
			title:       "Transfers",
			description: "Finished transfers per second, over all workers.",
			unit:        unitPerSecond,
			queries: twoWays(w.sum(w.rateOf("count", vllm.LoadSize), byEngine()...),
				w.sum(w.rateOf("count", vllm.StoreSize), byEngine()...)),
		},
		spread(w, "Size of a load",
			"Finished loads per second, by size. Many small transfers cost more than a few large ones. Classic buckets end at 200 MB.",
			unitBytes, vllm.LoadSize),
		spread(w, "Size of a store",
			"Finished stores per second, by size. Classic buckets end at 200 MB.",
			unitBytes, vllm.StoreSize),
	}}
}

func latency(w *writer) row {
	return row{title: "Lookup latency", panels: []panel{
		{
			title:       "Scheduler blocked by a lookup",
			description: "Quantiles of the time that one offload lookup blocks the scheduler. All other requests wait meanwhile. The line is the objective for 99 in 100 lookups.",
			unit:        unitSeconds,
			queries:     quantiles(w, vllm.LookupSyncDelay),
			limit:       lookupObjective,
		},
		{
			title:       "Wait of a deferred lookup",
			description: "Quantiles of the time from the first deferred lookup of a request to the one that resolves. Requests whose lookup resolves at once are not counted. With classic buckets, no quantile is above the last boundary, 10 s.",
			unit:        unitSeconds,
			queries:     quantiles(w, vllm.LookupAsyncDelay),
		},
		{
			title:       "Requests that wait for a lookup",
			description: "Mean number of requests with a deferred lookup: seconds waited per second.",
			unit:        unitCount,
			queries:     each(w.sum(w.rateOf("sum", vllm.LookupAsyncDelay), byEngine()...), legendEngine),
		},
		spread(w, "Lookups that block the scheduler",
			"Lookups per second, by their time. A second band far above the first is a tier with a slow medium.",
			unitSeconds, vllm.LookupSyncDelay),
		spread(w, "Deferred lookups",
			"Deferred lookups per second, by their wait. Requests whose lookup resolves at once are not counted.",
			unitSeconds, vllm.LookupAsyncDelay),
		{
			title:       "Lookups past the objective",
			description: "Fraction of lookups that block the scheduler for longer than 5 ms. The objective is 99 in 100 within 5 ms. KVOffloadLookupBudgetBurns watches it.",
			unit:        unitFraction,
			queries:     each(w.beyond(lookupObjective, vllm.LookupSyncDelay, byEngine()...), legendEngine),
			limit:       lookupBudget,
		},
		{
			title:       "Lookup in a tier, p90",
			description: "The 90th percentile of the time that one lookup of a chunk in a tier blocks the scheduler. It shows which tier makes lookups slow.",
			unit:        unitSeconds,
			queries:     each(w.quantile(0.9, vllm.TieringLookupSyncDelay, schema.LabelTier), legendTier),
		},
		{
			title:       "Wait for a tier, p90",
			description: "The 90th percentile of the time from the first unresolved lookup of a chunk in a tier until it resolves. Lookups that resolve at once are not counted.",
			unit:        unitSeconds,
			queries:     each(w.quantile(0.9, vllm.TieringLookupAsyncDelay, schema.LabelTier), legendTier),
		},
		{
			title:       "Lookups that wait for a tier",
			description: "Mean number of chunk lookups that wait for the tier.",
			unit:        unitCount,
			queries:     each(w.sum(w.rateOf("sum", vllm.TieringLookupAsyncDelay), schema.LabelTier), legendTier),
		},
	}}
}

func tiers(w *writer) row {
	byTier := func(m schema.Metric) term { return w.sum(w.rate(m), schema.LabelTier) }
	return row{title: "Tiers", panels: []panel{
		{
			title:       "Hit rate",
			description: "Hits divided by queries, for each tier alone. A tier is asked only for what every tier above it missed.",
			unit:        unitFraction,
			queries:     each(ratio(byTier(vllm.TieringChunkHits), byTier(vllm.TieringChunkQueries)), legendTier),
		},
		{
			title:       "Lookups",
			description: "Chunk lookups per second that each tier resolved.",
			unit:        unitPerSecond,
			queries:     each(byTier(vllm.TieringChunkQueries), legendTier),
		},
		{
			title:       "Read from the tier",
			description: "Bytes per second that promotions read from each secondary tier.",
			unit:        unitBytesPerSecond,
			queries:     each(byTier(vllm.TieringReadBytes), legendTier),
		},
		{
			title:       "Written to the tier",
			description: "Bytes per second that cascades wrote to each secondary tier.",
			unit:        unitBytesPerSecond,
			queries:     each(byTier(vllm.TieringWriteBytes), legendTier),
		},
		{
			title:       "Speed of one promotion",
			description: "Bytes divided by the seconds that promotion jobs spent on them: the mean speed of one job.",
			unit:        unitBytesPerSecond,
			queries:     each(ratio(byTier(vllm.TieringReadBytes), byTier(vllm.TieringReadTime)), legendTier),
		},
		{
			title:       "Speed of one cascade",
			description: "Bytes divided by the seconds that cascade jobs spent on them: the mean speed of one job.",
			unit:        unitBytesPerSecond,
			queries:     each(ratio(byTier(vllm.TieringWriteBytes), byTier(vllm.TieringWriteTime)), legendTier),
		},
	}}
}

// eachTier is repeated for each tier. The primary tier only has lookups.
func eachTier(w *writer) row {
	total := func(m schema.Metric) term { return w.sum(w.rate(m)) }
	return row{title: "Tier $tier", repeat: "tier", panels: []panel{
		{
			title:       "Lookups of this tier",
			description: "Chunk lookups per second that the tier resolved, and hits among them.",
			unit:        unitPerSecond,
			queries: []legended{
				{total(vllm.TieringChunkQueries), "lookups"},
				{total(vllm.TieringChunkHits), "hits"},
			},
		},
		spread(w, "Time of a lookup in this tier",
			"Lookups of a chunk in the tier per second, by their time. They block the scheduler.",
			unitSeconds, vllm.TieringLookupSyncDelay),
		spread(w, "Wait for this tier",
			"Deferred lookups of a chunk in the tier per second, by their wait.",
			unitSeconds, vllm.TieringLookupAsyncDelay),
		{
			title:       "Bytes to and from this tier",
			description: "Bytes per second that promotions read from the tier and cascades wrote to it. The primary tier has none.",
			unit:        unitBytesPerSecond,
			queries: []legended{
				{total(vllm.TieringReadBytes), "read"},
				{total(vllm.TieringWriteBytes), "written"},
			},
		},
		{
			title:       "Jobs of this tier",
			description: "Promotions and cascades in progress, over all engines. The primary tier has none.",
			unit:        unitCount,
			queries: []legended{
				{w.sum(w.gauge(vllm.TieringActivePromotionJobs)), "promotions"},
				{w.sum(w.gauge(vllm.TieringActiveCascadeJobs)), "cascades"},
			},
		},
		{
			title:       "Failures of this tier",
			description: "Failed jobs and dropped stores per second. The primary tier has none.",
			unit:        unitPerSecond,
			queries: []legended{
				{total(vllm.TieringPromotionJobFailures), "promotions"},
				{total(vllm.TieringCascadeJobFailures), "cascades"},
				{total(vllm.BackPressureStoresDropped), "stores dropped"},
			},
		},
	}}
}

func jobs(w *writer) row {
	now := func(m schema.Metric) []legended {
		return each(w.sum(w.gauge(m), schema.LabelTier), legendTier)
	}
	most := func(m schema.Metric) []legended {
		return each(w.max(w.gauge(m), schema.LabelTier), legendTier)
	}
	return row{title: "Jobs in flight", panels: []panel{
		{
			title:       "Promotions in flight",
			description: "Promotion jobs in progress, over all engines. If it does not return to 0 on an idle engine, a job is stuck.",
			unit:        unitCount,
			queries:     now(vllm.TieringActivePromotionJobs),
		},
		{
			title:       "Cascades in flight",
			description: "Cascade jobs in progress, over all engines. If it grows, the tier writes more slowly than stores arrive.",
			unit:        unitCount,
			queries:     now(vllm.TieringActiveCascadeJobs),
		},
		{
			title:       "Primary tier held by promotions",
			description: "Fraction of the primary tier's chunks that promotions from each secondary tier are writing. The largest value over engines.",
			unit:        unitFraction,
			queries:     most(vllm.TieringPrimaryWriteUsage),
		},
		{
			title:       "Primary tier held by cascades",
			description: "Fraction of the primary tier's chunks that cascades to each secondary tier are reading. The largest value over engines. These chunks cannot be evicted.",
			unit:        unitFraction,
			queries:     most(vllm.TieringPrimaryReadUsage),
		},
	}}
}

func pressure(w *writer) row {
	byTier := func(m schema.Metric) term { return w.sum(w.rate(m), schema.LabelTier) }
	now := func(m schema.Metric) term { return w.max(w.gauge(m), byEngine()...) }
	return row{title: "Pressure and failures", panels: []panel{
		{
			title:       "CPU cache pinned",
			description: "Fraction of the CPU cache's chunks that transfers pin, of which stores write some and transfers read the rest. Near 1, stores find no room. It does not show how full the cache is.",
			unit:        unitFraction,
			limit:       pinnedLimit,
			queries: []legended{
				{now(vllm.CPUCacheUsage), "all, " + legendEngine},
				{now(vllm.CPUCacheWriteUsage), "writing, " + legendEngine},
				{now(vllm.CPUCacheReadUsage), "reading, " + legendEngine},
			},
		},
		{
			title:       "No room",
			description: "Stores and promotions per second that found no room in the CPU cache. Data of a refused store stays only on the GPU. A refused promotion loses a hit.",
			unit:        unitPerSecond,
			queries: []legended{
				{w.sum(w.rate(vllm.AllocationFailure), byEngine()...), "stores, " + legendEngine},
				{w.sum(w.rate(vllm.TieringPromotionAllocationFailures), byEngine()...), "promotions, " + legendEngine},
			},
		},
		{
			title:       "Failed jobs",
			description: "Failed promotions and cascades per second. More than 0 for a long time is a fault of the tier.",
			unit:        unitPerSecond,
			queries: []legended{
				{byTier(vllm.TieringPromotionJobFailures), "promotions, " + legendTier},
				{byTier(vllm.TieringCascadeJobFailures), "cascades, " + legendTier},
			},
		},
		{
			title:       "Store latency",
			description: "Smoothed seconds that a tier takes to store one MiB. Above the tier's high-water mark, stores to it are dropped. The line is the mark of local storage, 0.005. The mark of object stores and networks is 0.020. A service can set others.",
			unit:        unitSecondsPerMiB,
			queries:     each(w.max(w.gauge(vllm.BackPressureStoreLatencyEMA), schema.LabelTier), legendTier),
			limit:       backPressureMark(),
		},
		{
			title:       "Stores dropped",
			description: "Stores per second that back-pressure dropped because a tier is slow, and their chunks. Drops lower the tier's hit rate later.",
			unit:        unitPerSecond,
			queries: []legended{
				{byTier(vllm.BackPressureStoresDropped), "stores, " + legendTier},
				{byTier(vllm.BackPressureBlocksDropped), "chunks, " + legendTier},
			},
		},
	}}
}

func capacity(w *writer) row {
	return row{title: "Capacity and configuration", panels: []panel{
		spread(w, "Chunks of one allocation",
			"Stores per second, by the number of chunks that they allocate in the CPU cache at once. One allocation of most of the cache evicts everything else.",
			unitCount, vllm.CPUAllocationSize),
		{
			title:       "Configuration",
			description: "The static configuration of each engine. Add up the engines of an instance.",
			unit:        unitCount,
			queries:     each(w.gauge(vllm.ConfigInfo(vllm.CPUConfigLabelNames()...)), ""),
			kind:        table,
		},
	}}
}
