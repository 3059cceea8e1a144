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
			description: "Bytes that cache hits outside the GPU bring back to it, for each second.",
			unit:        unitBytesPerSecond,
			queries:     each(w.sum(w.rate(vllm.LoadBytes), byEngine()...), legendEngine),
		},
		{
			title:       "Store bandwidth",
			description: "Bytes that leave the GPU for offload storage, for each second. Much more than the loads, for long, is bandwidth spent on data that nobody asks for.",
			unit:        unitBytesPerSecond,
			queries:     each(w.sum(w.rate(vllm.StoreBytes), byEngine()...), legendEngine),
		},
		{
			title:       "Speed of one transfer",
			description: "Bytes over the seconds that workers spent on them: the mean speed of a transfer on one worker, whatever the load.",
			unit:        unitBytesPerSecond,
			queries:     twoWays(speed(vllm.LoadBytes, vllm.LoadTime), speed(vllm.StoreBytes, vllm.StoreTime)),
		},
		{
			title:       "Transfers",
			description: "Finished transfers for each second, on all workers.",
			unit:        unitPerSecond,
			queries: twoWays(w.sum(w.rateOf("count", vllm.LoadSize), byEngine()...),
				w.sum(w.rateOf("count", vllm.StoreSize), byEngine()...)),
		},
		spread(w, "Size of a load",
			"How many loads of which size finished, for each second. Many small transfers cost more than a few large ones. Classic buckets end at 200 MB.",
			unitBytes, vllm.LoadSize),
		spread(w, "Size of a store",
			"How many stores of which size finished, for each second. Classic buckets end at 200 MB.",
			unitBytes, vllm.StoreSize),
	}}
}

func latency(w *writer) row {
	return row{title: "Lookup latency", panels: []panel{
		{
			title:       "Scheduler blocked by a lookup",
			description: "Quantiles of the time that one offload lookup blocks the scheduler. Every other request waits meanwhile. The line is the objective for 99 in 100.",
			unit:        unitSeconds,
			queries:     quantiles(w, vllm.LookupSyncDelay),
			limit:       lookupObjective,
		},
		{
			title:       "Wait of a deferred lookup",
			description: "Quantiles of the time from the first deferred lookup of a request to the one that resolves. Requests whose lookup resolves at once are not in it. Nothing reads above the last boundary, 10 s.",
			unit:        unitSeconds,
			queries:     quantiles(w, vllm.LookupAsyncDelay),
		},
		{
			title:       "Requests that wait for a lookup",
			description: "Mean number of requests whose lookup is deferred at the moment: seconds waited for each second.",
			unit:        unitCount,
			queries:     each(w.sum(w.rateOf("sum", vllm.LookupAsyncDelay), byEngine()...), legendEngine),
		},
		spread(w, "Lookups that block the scheduler",
			"How many lookups took how long, for each second. A second band far above the first is a tier that answers from a slow medium.",
			unitSeconds, vllm.LookupSyncDelay),
		spread(w, "Deferred lookups",
			"How many deferred lookups waited for how long, for each second. Requests whose lookup resolves at once are not in it.",
			unitSeconds, vllm.LookupAsyncDelay),
		{
			title:       "Lookups past the objective",
			description: "Fraction of lookups that block the scheduler for longer than 5 ms. KVOffloadLookupBudgetBurns fires on it: the objective is 99 in 100 within 5 ms.",
			unit:        unitFraction,
			queries:     each(w.beyond(lookupObjective, vllm.LookupSyncDelay, byEngine()...), legendEngine),
			limit:       lookupBudget,
		},
		{
			title:       "Lookup in a tier, p90",
			description: "The 90th percentile of the time that one lookup of a chunk in a tier blocks the scheduler. Shows which tier makes lookups slow.",
			unit:        unitSeconds,
			queries:     each(w.quantile(0.9, vllm.TieringLookupSyncDelay, schema.LabelTier), legendTier),
		},
		{
			title:       "Wait for a tier, p90",
			description: "The 90th percentile of the time from the first unresolved lookup of a chunk in a tier until it resolves. Lookups that resolve at once are not in it.",
			unit:        unitSeconds,
			queries:     each(w.quantile(0.9, vllm.TieringLookupAsyncDelay, schema.LabelTier), legendTier),
		},
		{
			title:       "Lookups that wait for a tier",
			description: "Mean number of chunk lookups that wait for the tier at the moment.",
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
			description: "Hits over queries of each tier alone. A lower tier is asked only for what every tier above it missed.",
			unit:        unitFraction,
			queries:     each(ratio(byTier(vllm.TieringChunkHits), byTier(vllm.TieringChunkQueries)), legendTier),
		},
		{
			title:       "Lookups",
			description: "Chunk lookups that each tier resolved, for each second.",
			unit:        unitPerSecond,
			queries:     each(byTier(vllm.TieringChunkQueries), legendTier),
		},
		{
			title:       "Read from the tier",
			description: "Bytes that promotions read from each secondary tier, for each second.",
			unit:        unitBytesPerSecond,
			queries:     each(byTier(vllm.TieringReadBytes), legendTier),
		},
		{
			title:       "Written to the tier",
			description: "Bytes that cascades wrote to each secondary tier, for each second.",
			unit:        unitBytesPerSecond,
			queries:     each(byTier(vllm.TieringWriteBytes), legendTier),
		},
		{
			title:       "Speed of one promotion",
			description: "Bytes over the seconds that promotion jobs spent on them: the mean speed of one job.",
			unit:        unitBytesPerSecond,
			queries:     each(ratio(byTier(vllm.TieringReadBytes), byTier(vllm.TieringReadTime)), legendTier),
		},
		{
			title:       "Speed of one cascade",
			description: "Bytes over the seconds that cascade jobs spent on them: the mean speed of one job.",
			unit:        unitBytesPerSecond,
			queries:     each(ratio(byTier(vllm.TieringWriteBytes), byTier(vllm.TieringWriteTime)), legendTier),
		},
	}}
}

// eachTier is shown once for each tier. The primary tier has lookups alone.
func eachTier(w *writer) row {
	total := func(m schema.Metric) term { return w.sum(w.rate(m)) }
	return row{title: "Tier $tier", repeat: "tier", panels: []panel{
		{
			title:       "Lookups of this tier",
			description: "Chunk lookups that the tier resolved, and those of them that it had, for each second.",
			unit:        unitPerSecond,
			queries: []legended{
				{total(vllm.TieringChunkQueries), "lookups"},
				{total(vllm.TieringChunkHits), "hits"},
			},
		},
		spread(w, "Time of a lookup in this tier",
			"How many lookups of a chunk in the tier took how long, for each second. The scheduler is blocked meanwhile.",
			unitSeconds, vllm.TieringLookupSyncDelay),
		spread(w, "Wait for this tier",
			"How many deferred lookups of a chunk in the tier waited for how long, for each second.",
			unitSeconds, vllm.TieringLookupAsyncDelay),
		{
			title:       "Bytes to and from this tier",
			description: "Bytes that promotions read from the tier and cascades wrote to it, for each second. The primary tier has none.",
			unit:        unitBytesPerSecond,
			queries: []legended{
				{total(vllm.TieringReadBytes), "read"},
				{total(vllm.TieringWriteBytes), "written"},
			},
		},
		{
			title:       "Jobs of this tier",
			description: "Promotions and cascades under way, over all engines. The primary tier has none.",
			unit:        unitCount,
			queries: []legended{
				{w.sum(w.gauge(vllm.TieringActivePromotionJobs)), "promotions"},
				{w.sum(w.gauge(vllm.TieringActiveCascadeJobs)), "cascades"},
			},
		},
		{
			title:       "Failures of this tier",
			description: "Jobs that failed and stores that were dropped, for each second. The primary tier has none.",
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
			description: "Promotion jobs under way, over all engines. A level that never returns to 0 on an idle engine means a stuck job.",
			unit:        unitCount,
			queries:     now(vllm.TieringActivePromotionJobs),
		},
		{
			title:       "Cascades in flight",
			description: "Cascade jobs under way, over all engines. Growth means that the tier takes writes more slowly than they come.",
			unit:        unitCount,
			queries:     now(vllm.TieringActiveCascadeJobs),
		},
		{
			title:       "Primary tier held by promotions",
			description: "Largest fraction, over engines, of the primary tier's chunks that promotions from each secondary tier are writing.",
			unit:        unitFraction,
			queries:     most(vllm.TieringPrimaryWriteUsage),
		},
		{
			title:       "Primary tier held by cascades",
			description: "Largest fraction, over engines, of the primary tier's chunks that cascades to each secondary tier are reading. A slow tier keeps chunks from being evicted.",
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
			description: "Fraction of the CPU cache's chunks that transfers pin, with the part that stores write and the rest. Near 1, stores fail for lack of room. It does not tell how full the cache is.",
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
			description: "Stores and promotions that found no room in the CPU cache, for each second. A refused store keeps its data on the GPU; a refused promotion loses a hit.",
			unit:        unitPerSecond,
			queries: []legended{
				{w.sum(w.rate(vllm.AllocationFailure), byEngine()...), "stores, " + legendEngine},
				{w.sum(w.rate(vllm.TieringPromotionAllocationFailures), byEngine()...), "promotions, " + legendEngine},
			},
		},
		{
			title:       "Failed jobs",
			description: "Promotions and cascades that failed, for each second. Anything but 0 for long is a fault of the tier.",
			unit:        unitPerSecond,
			queries: []legended{
				{byTier(vllm.TieringPromotionJobFailures), "promotions, " + legendTier},
				{byTier(vllm.TieringCascadeJobFailures), "cascades, " + legendTier},
			},
		},
		{
			title:       "Store latency",
			description: "Smoothed seconds that a tier takes to store a MiB. Past the tier's mark, stores to it are dropped. The line is the mark of local storage, 0.005. That of object stores and networks is 0.020, and a service can set others.",
			unit:        unitSecondsPerMiB,
			queries:     each(w.max(w.gauge(vllm.BackPressureStoreLatencyEMA), schema.LabelTier), legendTier),
			limit:       backPressureMark(),
		},
		{
			title:       "Stores dropped",
			description: "Stores that a slow tier was spared, and the chunks in them, for each second. They lower the tier's hit rate later.",
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
			"How many stores asked the CPU cache for how many chunks at once, for each second. One request that asks for most of the cache evicts everything else.",
			unitCount, vllm.CPUAllocationSize),
		{
			title:       "Configuration",
			description: "The static configuration of each engine. For an instance, add up its engines.",
			unit:        unitCount,
			queries:     each(w.gauge(vllm.ConfigInfo(vllm.CPUConfigLabelNames()...)), ""),
			kind:        table,
		},
	}}
}
