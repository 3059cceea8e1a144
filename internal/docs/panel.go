package docs

import (
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/selfmetrics"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// Grafana's names of the units that panels use.
const (
	unitBytesPerSecond = "Bps"
	unitBytes          = "decbytes"
	unitSeconds        = "s"
	unitFraction       = "percentunit"
	unitCount          = "short"
	unitPerSecond      = "cps"
	unitSecondsPerMiB  = "suffix: s/MiB"
)

// A row is a heading of the dashboard with its panels.
type row struct {
	title  string
	panels []panel
}

// A panel draws one or several queries on one axis.
type panel struct {
	title       string
	description string
	unit        string
	queries     []legended
	// table shows the labels of an info metric instead of a graph.
	table bool
}

// A legended is a query and the legend of its series.
type legended struct {
	term
	legend string
}

const (
	legendEngine = "{{model_name}} / {{engine}}"
	legendTier   = "{{tier}}"
)

func byEngine() []string { return []string{schema.LabelModelName, schema.LabelEngine} }

// each draws one line for each value of the term's labels.
func each(t term, legend string) []legended { return []legended{{t, legend}} }

// twoWays draws a line for loads and one for stores.
func twoWays(load, store term) []legended {
	return []legended{{load, "load, " + legendEngine}, {store, "store, " + legendEngine}}
}

// quantiles draws the median, the 90th and the 99th percentile over engines.
func quantiles(w *writer, m schema.Metric) []legended {
	return []legended{
		{w.quantile(0.5, m, schema.LabelModelName), "p50, {{model_name}}"},
		{w.quantile(0.9, m, schema.LabelModelName), "p90, {{model_name}}"},
		{w.quantile(0.99, m, schema.LabelModelName), "p99, {{model_name}}"},
	}
}

// rows returns the dashboard's rows.
func rows(w *writer) []row {
	return []row{
		throughput(w),
		latency(w),
		tiers(w),
		jobs(w),
		pressure(w),
		capacity(w),
		recorder(w),
	}
}

func throughput(w *writer) row {
	speed := func(bytes, seconds schema.Metric) term {
		return ratio(w.sum(w.rate(bytes), byEngine()...), w.sum(w.rate(seconds), byEngine()...))
	}
	return row{"Throughput", []panel{
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
		{
			title:       "Size of a load",
			description: "Quantiles of the bytes of one load. Many small transfers cost more than a few large ones. Nothing reads above the last boundary, 200 MB.",
			unit:        unitBytes,
			queries:     quantiles(w, vllm.LoadSize),
		},
		{
			title:       "Size of a store",
			description: "Quantiles of the bytes of one store. Nothing reads above the last boundary, 200 MB.",
			unit:        unitBytes,
			queries:     quantiles(w, vllm.StoreSize),
		},
	}}
}

func latency(w *writer) row {
	return row{"Lookup latency", []panel{
		{
			title:       "Scheduler blocked by a lookup",
			description: "Quantiles of the time that one offload lookup blocks the scheduler. Every other request waits meanwhile.",
			unit:        unitSeconds,
			queries:     quantiles(w, vllm.LookupSyncDelay),
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
	return row{"Tiers", []panel{
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

func jobs(w *writer) row {
	now := func(m schema.Metric) []legended {
		return each(w.sum(w.gauge(m), schema.LabelTier), legendTier)
	}
	most := func(m schema.Metric) []legended {
		return each(w.max(w.gauge(m), schema.LabelTier), legendTier)
	}
	return row{"Jobs in flight", []panel{
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
	return row{"Pressure and failures", []panel{
		{
			title:       "CPU cache pinned",
			description: "Fraction of the CPU cache's chunks that transfers pin, with the part that stores write and the rest. Near 1, stores fail for lack of room. It does not tell how full the cache is.",
			unit:        unitFraction,
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
			description: "Smoothed seconds that a tier takes to store a MiB. Past the tier's mark, stores to it are dropped.",
			unit:        unitSecondsPerMiB,
			queries:     each(w.max(w.gauge(vllm.BackPressureStoreLatencyEMA), schema.LabelTier), legendTier),
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
	return row{"Capacity and configuration", []panel{
		{
			title:       "Chunks of one allocation",
			description: "Quantiles of the chunks that one store asks of the CPU cache. One request that asks for most of the cache evicts everything else.",
			unit:        unitCount,
			queries:     quantiles(w, vllm.CPUAllocationSize),
		},
		{
			title:       "Configuration",
			description: "The static configuration of each engine. For an instance, add up its engines.",
			unit:        unitCount,
			queries:     each(w.gauge(vllm.ConfigInfo(vllm.CPUConfigLabelNames()...)), ""),
			table:       true,
		},
	}}
}

func recorder(w *writer) row {
	return row{"The recorder itself", []panel{
		{
			title:       "Age of the last payload",
			description: "Seconds since each engine's last payload came. An engine whose age grows while others' do not has stopped sending. Engines that record directly are not here.",
			unit:        unitSeconds,
			queries:     each(w.max(w.gauge(selfmetrics.PayloadAge), byEngine()...), legendEngine),
		},
		{
			title:       "Payloads",
			description: "Payloads observed for each second, over all recorders. These counts need otelkv.WithSelfMetrics, and are not by engine.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(selfmetrics.Payloads)), "payloads"),
		},
		{
			title:       "Left out",
			description: "Payload entries that were rejected, by reason, numbers that were refused, and exports that failed, for each second. Anything but 0 is a fault of a sender, of the code that records, or of a receiver.",
			unit:        unitPerSecond,
			queries: []legended{
				{w.sum(w.rate(selfmetrics.RejectedEntries), selfmetrics.LabelReason), "rejected, {{reason}}"},
				{w.sum(w.rate(selfmetrics.RefusedNumbers)), "refused numbers"},
				{w.sum(w.rate(selfmetrics.ExportFailures)), "failed exports"},
			},
		},
		{
			title:       "Series",
			description: "Series that recorders hold. Past the limit label values fold into \"other\".",
			unit:        unitCount,
			queries:     each(w.sum(w.gauge(selfmetrics.Series)), "series"),
		},
		{
			title:       "Folds",
			description: "Times for each second that label values became \"other\". Anything but 0 means that a label has more values than was planned for.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(selfmetrics.Folds)), "folds"),
		},
	}}
}
