// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// fleet shows each process on its own: a worker that lags behind the others hides
// in their sum.
func fleet(w *writer) row {
	byWorkerOf := func(m schema.Metric) term { return w.sum(w.rate(m), byWorker()...) }
	hits := w.ofEveryTier(func(w *writer) term { return w.sum(w.rate(vllm.TieringChunkHits), byWorker()...) })
	asked := w.ofTier("0:primary", func(w *writer) term { return w.sum(w.rate(vllm.TieringChunkQueries), byWorker()...) })
	return row{title: "Fleet by worker", panels: []panel{
		{
			title:       "Load bandwidth by worker",
			description: "Bytes that each process brings back to its GPUs, for each second. A worker far below the others gets no hits or has a slow path.",
			unit:        unitBytesPerSecond,
			queries:     each(byWorkerOf(vllm.LoadBytes), legendWorker),
		},
		{
			title:       "Store bandwidth by worker",
			description: "Bytes that each process moves off its GPUs, for each second.",
			unit:        unitBytesPerSecond,
			queries:     each(byWorkerOf(vllm.StoreBytes), legendWorker),
		},
		{
			title:       "Hit rate by worker",
			description: "Chunks that any tier had, of those that were looked up. Differences mean that requests are routed past the worker that has their prefix.",
			unit:        unitFraction,
			queries:     each(ratio(hits, asked), legendWorker),
		},
		{
			title:       "CPU cache pinned by worker",
			description: "Largest fraction of the CPU cache, over a process's engines, that transfers pin.",
			unit:        unitFraction,
			queries:     each(w.max(w.gauge(vllm.CPUCacheUsage), byWorker()...), legendWorker),
			limit:       pinnedLimit,
		},
		{
			title:       "Scheduler blocked, p99 by worker",
			description: "The 99th percentile of the time that a lookup blocks the scheduler, for each process.",
			unit:        unitSeconds,
			queries:     each(w.quantile(0.99, vllm.LookupSyncDelay, byWorker()...), legendWorker),
			limit:       lookupObjective,
		},
		{
			title:       "Engines by model",
			description: "Engines that show a CPU cache, over all workers. A step down is a worker that is gone.",
			unit:        unitCount,
			queries:     each(w.count(w.gauge(vllm.CPUCacheUsage), schema.LabelModelName), "{{model_name}}"),
		},
	}}
}

func recorder(w *writer) row {
	return row{title: "Recorder and sidecar", panels: []panel{
		{
			title:       "Age of the last payload",
			description: "Seconds since each engine's last payload came. An engine whose age grows while others' do not has stopped sending. Engines that record directly are not here.",
			unit:        unitSeconds,
			queries:     each(w.max(w.gauge(selfmetrics.PayloadAge), byEngine()...), legendEngine),
			limit:       silentSeconds,
		},
		{
			title:       "Payloads",
			description: "Payloads that each recorder observed, for each second. These counts need otelkv.WithSelfMetrics, and are not by engine.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(selfmetrics.Payloads), byWorker()...), legendWorker),
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
			description: "Series that each recorder holds. Past the limit label values fold into \"other\".",
			unit:        unitCount,
			queries:     each(w.sum(w.gauge(selfmetrics.Series), byWorker()...), legendWorker),
		},
		{
			title:       "Folds",
			description: "Times for each second that label values became \"other\". Anything but 0 means that a label has more values than was planned for.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(selfmetrics.Folds)), "folds"),
		},
		{
			title:       "Batches at the sidecar",
			description: "Batches of payloads that a sidecar took, and those that it refused, for each second. A batch that came again was only confirmed. Refusals have a reason; senders keep what is refused for lack of room, and drop what is malformed.",
			unit:        unitPerSecond,
			queries: []legended{
				{w.sum(w.rate(ingestMetric("otelkv_ingest_batches")), "outcome"), "{{outcome}}"},
				{w.sum(w.rate(ingestMetric("otelkv_ingest_refused_batches")), "reason"), "refused, {{reason}}"},
			},
		},
		{
			title:       "Lost before the sidecar",
			description: "Payloads that senders dropped because the sidecar was away or too slow, for each second. Totals are short by what was in them.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(ingestMetric("otelkv_ingest_dropped_payloads")), byWorker()...), legendWorker),
		},
		{
			title:       "Engines at the sidecar",
			description: "Engines that spoke to each sidecar and were not removed. Compare with the engines that should.",
			unit:        unitCount,
			queries:     each(w.sum(w.gauge(ingestMetric("otelkv_ingest_engines")), byWorker()...), legendWorker),
		},
	}}
}
