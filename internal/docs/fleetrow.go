// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// fleet shows each process alone, because a sum hides one slow worker.
func fleet(w *writer) row {
	byWorkerOf := func(m schema.Metric) term { return w.sum(w.rate(m), byWorker()...) }
	hits := w.ofEveryTier(func(w *writer) term { return w.sum(w.rate(vllm.TieringChunkHits), byWorker()...) })
	asked := w.ofTier("0:primary", func(w *writer) term { return w.sum(w.rate(vllm.TieringChunkQueries), byWorker()...) })
	return row{title: "Fleet by worker", panels: []panel{
		{
			title:       "Load bandwidth by worker",
			description: "Bytes per second that each process loads to its GPUs. A worker far below the others gets no hits or has slow transfers.",
			unit:        unitBytesPerSecond,
			queries:     each(byWorkerOf(vllm.LoadBytes), legendWorker),
		},
		{
			title:       "Store bandwidth by worker",
			description: "Bytes per second that each process stores from its GPUs.",
			unit:        unitBytesPerSecond,
			queries:     each(byWorkerOf(vllm.StoreBytes), legendWorker),
		},
		{
			title:       "Hit rate by worker",
			description: "Fraction of looked-up chunks that were in any tier. If it differs between workers, requests do not reach the worker that has their prefix.",
			unit:        unitFraction,
			queries:     each(ratio(hits, asked), legendWorker),
		},
		{
			title:       "CPU cache pinned by worker",
			description: "Fraction of the CPU cache that transfers pin. The largest value over the engines of each process.",
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
			description: "Engines with a CPU cache, over all workers. A step down is a worker that is gone.",
			unit:        unitCount,
			queries:     each(w.count(w.gauge(vllm.CPUCacheUsage), schema.LabelModelName), "{{model_name}}"),
		},
	}}
}

func recorder(w *writer) row {
	return row{title: "Recorder and sidecar", panels: []panel{
		{
			title:       "Age of the last payload",
			description: "Seconds since the last payload of each engine. If it only grows for one engine, that engine stopped sending. Engines that record without payloads are not shown.",
			unit:        unitSeconds,
			queries:     each(w.max(w.gauge(selfmetrics.PayloadAge), byEngine()...), legendEngine),
			limit:       silentSeconds,
		},
		{
			title:       "Payloads",
			description: "Payloads per second that each recorder observed. They need otelkv.WithSelfMetrics, and have no label for the engine.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(selfmetrics.Payloads), byWorker()...), legendWorker),
		},
		{
			title:       "Left out",
			description: "Rejected entries of payloads by reason, refused numbers, and failed exports per second. More than 0 is a fault of a sender, of the code that records, or of a receiver.",
			unit:        unitPerSecond,
			queries: []legended{
				{w.sum(w.rate(selfmetrics.RejectedEntries), selfmetrics.LabelReason), "rejected, {{reason}}"},
				{w.sum(w.rate(selfmetrics.RefusedNumbers)), "refused numbers"},
				{w.sum(w.rate(selfmetrics.ExportFailures)), "failed exports"},
			},
		},
		{
			title:       "Series",
			description: "Series of each recorder. Beyond the limit, label values become \"other\".",
			unit:        unitCount,
			queries:     each(w.sum(w.gauge(selfmetrics.Series), byWorker()...), legendWorker),
		},
		{
			title:       "Folds",
			description: "How often per second label values became \"other\". More than 0 means that a label has more values than planned.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(selfmetrics.Folds)), "folds"),
		},
		{
			title:       "Batches at the sidecar",
			description: "Batches per second that a sidecar counted, confirmed again, or refused by reason. Senders drop a malformed batch, and send a batch again that was refused for lack of room.",
			unit:        unitPerSecond,
			queries: []legended{
				{w.sum(w.rate(ingestMetric("otelkv_ingest_batches")), "outcome"), "{{outcome}}"},
				{w.sum(w.rate(ingestMetric("otelkv_ingest_refused_batches")), "reason"), "refused, {{reason}}"},
			},
		},
		{
			title:       "Lost before the sidecar",
			description: "Payloads per second that senders dropped because the sidecar was down or too slow. The totals lack what was in them.",
			unit:        unitPerSecond,
			queries:     each(w.sum(w.rate(ingestMetric("otelkv_ingest_dropped_payloads")), byWorker()...), legendWorker),
		},
		{
			title:       "Engines at the sidecar",
			description: "Engines that sent to each sidecar and were not removed. Compare with the engines that should send.",
			unit:        unitCount,
			queries:     each(w.sum(w.gauge(ingestMetric("otelkv_ingest_engines")), byWorker()...), legendWorker),
		},
	}}
}
