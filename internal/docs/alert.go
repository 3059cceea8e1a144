// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"slices"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// How soon somebody must look.
const (
	severityCritical = "critical"
	severityWarning  = "warning"
	severityInfo     = "info"
)

const (
	ofEngine = "engine {{ $labels.engine }} ({{ $labels.model_name }}) at {{ $labels.instance }}"
	ofTier   = "tier {{ $labels.tier }} of " + ofEngine
)

// alerts returns every alerting rule. Each keeps all labels of its series: replicas share
// the labels of the model and the engine, and the progress of one replica must not hide
// that another is stuck.
func alerts(w *writer) []alert {
	return []alert{
		jobsFail(w, "KVOffloadPromotionsFail", vllm.TieringPromotionJobFailures, "Promotions from "+ofTier+" fail",
			"The engine cannot read this tier's data, and computes the prefixes again instead. The service still works, but slower. "+
				"Check the tier's log and its medium for an unreachable store, a lost mount, or files that were removed or damaged. "+
				"The dashboard's row \"Tiers\" shows whether some reads still succeed."),
		jobsFail(w, "KVOffloadCascadesFail", vllm.TieringCascadeJobFailures, "Cascades to "+ofTier+" fail",
			"Data is not written to this tier, so its hit rate will fall as the old data ages. The service still works. "+
				"Look for a full disk, missing permissions or a store that refuses writes. "+
				"Bytes of a failed cascade do not count as written."),
		growing(w, "KVOffloadStoresFindNoRoom", vllm.AllocationFailure, "Stores of "+ofEngine+" find no room",
			"Stores are refused because every chunk of the CPU cache is pinned. Their data stays only on the GPU. "+
				"Either the cache is too small for the traffic, or a slow secondary tier holds chunks for too long: compare "+
				"\"CPU cache pinned\" with \"Primary tier held by cascades\". Give the cache more chunks, or the tier less work."),
		growing(w, "KVOffloadPromotionsFindNoRoom", vllm.TieringPromotionAllocationFailures,
			"Promotions of "+ofEngine+" find no room",
			"Hits in lower tiers are lost because the CPU cache has no room for them. The cache is too small, or pinned: "+
				"see \"CPU cache pinned\". If cascades pin it, a tier is slow."),
		growing(w, "KVOffloadStoresDropped", vllm.BackPressureStoresDropped, "Stores to "+ofTier+" are dropped",
			"The tier stores so slowly that back-pressure drops new stores to it. Its hit rate will fall. "+
				"\"Store latency\" shows how slow it is. Find out what else uses the medium, or accept that the tier is too "+
				"slow for this traffic."),
		cachePinned(w),
		tierWithoutHits(w),
		tierStalled(w, "KVOffloadPromotionsStalled", vllm.TieringActivePromotionJobs, vllm.TieringReadBytes,
			vllm.TieringPromotionJobFailures, "Promotions from "+ofTier+" are stuck"),
		tierStalled(w, "KVOffloadCascadesStalled", vllm.TieringActiveCascadeJobs, vllm.TieringWriteBytes,
			vllm.TieringCascadeJobFailures, "Cascades to "+ofTier+" are stuck"),
		beyondBoundary(w, "KVOffloadLookupsWaitLong", vllm.LookupAsyncDelay, "Deferred lookups of "+ofEngine+" wait longer than 10 s"),
		beyondBoundary(w, "KVOffloadTierLookupsWaitLong", vllm.TieringLookupAsyncDelay, "Lookups in "+ofTier+" wait longer than 10 s"),
		budgetBurns(w, "KVOffloadLookupBudgetBurns", severityCritical, 14.4, "1h", "5m"),
		budgetBurns(w, "KVOffloadLookupBudgetBurnsSlowly", severityWarning, 6, "6h", "30m"),
		engineVanished(w),
		engineSilent(w),
		seriesFolded(w),
		entriesRejected(w),
	}
}

// growing fires while a counter of faults keeps growing.
func growing(w *writer, name string, m schema.Metric, summary, runbook string) alert {
	values := tierValues(m)
	return alert{
		name:     name,
		expr:     above(0, w.rate(m)),
		hold:     "15m",
		severity: severityWarning,
		summary:  summary,
		runbook:  runbook,
		cases: slices.Concat(growthLife(m, alertLabels(values...), values...), []alertCase{
			{name: "keeps growing", series: inputs(counted(m, "0+3x60", values...)), at: "40m", labels: alertLabels(values...)},
			{name: "happened once", series: inputs(counted(m, "0x5 3x60", values...)), at: "8m"},
			{name: "happened once, long ago", series: inputs(counted(m, "0x5 3x60", values...)), at: "40m"},
			{name: "never happened", series: inputs(counted(m, "0x60", values...)), at: "40m"},
		}),
	}
}

// jobsFail is growing for jobs of a tier. It fires sooner.
func jobsFail(w *writer, name string, m schema.Metric, summary, runbook string) alert {
	a := growing(w, name, m, summary, runbook)
	a.hold = "10m"
	return a
}

func cachePinned(w *writer) alert {
	usage := vllm.CPUCacheUsage
	return alert{
		name:     "KVOffloadCachePinned",
		expr:     above(pinnedLimit, w.gauge(usage)),
		hold:     "10m",
		severity: severityWarning,
		summary:  "More than nine tenths of the CPU cache of " + ofEngine + " is pinned",
		runbook: "Transfers pin almost every chunk, so new stores and promotions will soon be refused. This does not mean that the cache " +
			"is full of data. In the panel \"CPU cache pinned\", \"writing\" is the part of stores, and the rest is loads and cascades. " +
			"\"Jobs in flight\" shows which tier holds the chunks. If there are many transfers, use a larger cache. If transfers are slow, " +
			"use a faster tier.",
		cases: slices.Concat(pinnedLife(usage), []alertCase{
			{name: "stays high", series: inputs(read(usage, "0.95x60")), at: "20m", labels: alertLabels()},
			{name: "a short peak", series: inputs(read(usage, "0.2x9 0.95x5 0.2x60")), at: "12m"},
			{name: "busy", series: inputs(read(usage, "0.9x60")), at: "20m"},
		}),
	}
}

func tierWithoutHits(w *writer) alert {
	queries, hits := vllm.TieringChunkQueries, vllm.TieringChunkHits
	expr := w.within("1h", func(w *writer) term {
		return unless(above(0, w.rate(queries)), w.grown(hits))
	})
	return alert{
		name:     "KVOffloadTierWithoutHits",
		expr:     expr,
		hold:     "1h",
		severity: severityInfo,
		summary:  "No lookup in " + ofTier + " was a hit for an hour or longer",
		runbook: "Lookups ask the tier and never find anything, so its lookups and writes are wasted. Just after a start this is " +
			"normal. Later it means that the tier lost its data, that its keys changed (another model revision, block size or hash " +
			"seed), or that nothing is written to it: see \"Written to the tier\" and \"Stores dropped\".",
		cases: slices.Concat(hitsLife(queries, hits), []alertCase{
			{
				name: "asked, never a hit", at: "3h", labels: alertLabels("1:fs"),
				series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "0x200", "1:fs")),
			},
			{
				name: "asked, hits absent", at: "3h", labels: alertLabels("1:fs"),
				series: inputs(counted(queries, "0+60x200", "1:fs")),
			},
			{
				name: "asked, and only another replica hits", at: "3h", labels: alertLabels("1:fs"),
				series: inputs(
					counted(queries, "0+60x200", "1:fs"),
					replica(counted(queries, "0+60x200", "1:fs")), replica(counted(hits, "0+60x200", "1:fs")),
				),
			},
			{
				name: "rare hits", at: "3h",
				series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "0+1x200", "1:fs")),
			},
			{
				name: "asked rarely, never a hit", at: "3h", labels: alertLabels("1:fs"),
				series: inputs(counted(queries, "0x29 1x29 2x29 3x29 4x29 5x29 6x29", "1:fs"), counted(hits, "0x200", "1:fs")),
			},
			{
				name: "hits long ago", at: "3h", labels: alertLabels("1:fs"),
				series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "0 5x200", "1:fs")),
			},
			{
				name: "a hit every 80 minutes", at: "155m",
				series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "1x79 2x79 3x79", "1:fs")),
			},
			{
				name: "the first hit lately", at: "130m",
				series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "_x59 2x200", "1:fs")),
			},
			{
				name: "not asked", at: "3h",
				series: inputs(counted(queries, "60x200", "1:fs"), counted(hits, "0x200", "1:fs")),
			},
			{
				name: "for half an hour", at: "30m",
				series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "0x200", "1:fs")),
			},
		}),
	}
}

// tierStalled fires when jobs are in flight for a long time and none of them succeeds or
// fails.
func tierStalled(w *writer, name string, active, bytes, failures schema.Metric, summary string) alert {
	expr := unless(unless(above(0, w.lowest(active)), w.grown(bytes)), w.grown(failures))
	return alert{
		name:     name,
		expr:     expr,
		hold:     "10m",
		severity: severityCritical,
		summary:  summary,
		runbook: "Jobs were in flight for at least ten minutes, and none of them succeeded or failed. Their chunks stay pinned in the " +
			"CPU cache, so stores will soon be refused. Look for a mount that hangs, a store that accepts connections and never " +
			"answers, or a worker thread that died. To free the chunks, drain and restart the engine. To prevent it, set a time " +
			"limit for the tier's operations.",
		cases: slices.Concat(stallLife(active, bytes, failures), []alertCase{
			{
				name: "nothing ends", at: "30m", labels: alertLabels("1:fs"),
				series: inputs(read(active, "2x60", "1:fs"), counted(bytes, "4096x60", "1:fs"), counted(failures, "3x60", "1:fs")),
			},
			{
				name: "nothing ever ended", at: "30m", labels: alertLabels("1:fs"),
				series: inputs(read(active, "2x60", "1:fs")),
			},
			{
				name: "nothing ever ended, with series from the start", at: "30m", labels: alertLabels("1:fs"),
				series: inputs(read(active, "2x60", "1:fs"), counted(bytes, "0x60", "1:fs"), counted(failures, "0x60", "1:fs")),
			},
			{
				name: "nothing ends any more", at: "45m", labels: alertLabels("1:fs"),
				series: inputs(read(active, "0x5 2x60", "1:fs"), counted(bytes, "0+4096x20 81920x60", "1:fs"), counted(failures, "0+1x20 20x60", "1:fs")),
			},
			{
				name: "the first ended long ago, and none since", at: "45m", labels: alertLabels("1:fs"),
				series: inputs(read(active, "2x60", "1:fs"), counted(bytes, "_x10 4096x60", "1:fs"), counted(failures, "_x10 1x60", "1:fs")),
			},
			{
				name: "nothing ends, and jobs of another replica do", at: "30m", labels: alertLabels("1:fs"),
				series: inputs(
					read(active, "2x60", "1:fs"), counted(bytes, "4096x60", "1:fs"),
					replica(read(active, "2x60", "1:fs")), replica(counted(bytes, "0+4096x60", "1:fs")),
				),
			},
			{
				name: "the first ended lately", at: "15m",
				series: inputs(read(active, "2x60", "1:fs"), counted(bytes, "_x9 4096x60", "1:fs")),
			},
			{
				name: "the first failed lately", at: "15m",
				series: inputs(read(active, "2x60", "1:fs"), counted(failures, "_x9 1x60", "1:fs")),
			},
			{
				name: "jobs end", at: "30m",
				series: inputs(read(active, "2x60", "1:fs"), counted(bytes, "0+4096x60", "1:fs")),
			},
			{
				name: "jobs fail", at: "30m",
				series: inputs(read(active, "2x60", "1:fs"), counted(failures, "0+1x60", "1:fs")),
			},
			{
				name: "nothing ends for nine minutes", at: "9m",
				series: inputs(read(active, "2x60", "1:fs")),
			},
			{
				name: "idle at times", at: "30m",
				series: inputs(read(active, "2x8 0 2x8 0 2x8 0 2x8 0 2x8", "1:fs")),
			},
		}),
	}
}

// beyondBoundary fires when more than 1 % of a histogram's samples are above its last
// boundary, where quantiles do not show them. The long window contains the first minutes
// of a start for longer than the alert's hold time. The short window does not, so these
// minutes do not fire the alert.
func beyondBoundary(w *writer, name string, m schema.Histogram, summary string) alert {
	last := m.Boundaries[len(m.Boundaries)-1]
	waits := func(window string) term {
		return w.within(window, func(w *writer) term { return above(0.01, w.beyond(last, m)) })
	}
	values := tierValues(m)
	return alert{
		name:     name,
		expr:     and(waits("15m"), waits("5m")),
		hold:     "10m",
		severity: severityWarning,
		summary:  summary,
		runbook: "More than one in a hundred deferred lookups takes longer than the histogram's last boundary, so its quantiles show 10 s " +
			"even if the wait is longer. The requests wait all that time. Look for a tier that answers lookups slowly or not at all " +
			"(\"Lookups that wait for a tier\"), and for a queue of promotions before it. The sum divided by the count is the true mean.",
		cases: slices.Concat(waitLife(m, "10", values...), []alertCase{
			{
				name: "one in ten", at: "40m", labels: alertLabels(values...),
				series: inputs(bucket(m, "10", "0+9x60", values...), bucket(m, "+Inf", "0+10x60", values...), counted(m, "0+10x60", values...)),
			},
			{
				name: "one in ten, as Prometheus 3 writes le", at: "40m", labels: alertLabels(values...),
				series: inputs(bucket(m, "10.0", "0+9x60", values...), bucket(m, "+Inf", "0+10x60", values...), counted(m, "0+10x60", values...)),
			},
			{
				name: "none", at: "40m",
				series: inputs(bucket(m, "10", "0+10x60", values...), bucket(m, "+Inf", "0+10x60", values...), counted(m, "0+10x60", values...)),
			},
			{
				name: "one in two hundred", at: "40m",
				series: inputs(bucket(m, "10", "0+199x60", values...), bucket(m, "+Inf", "0+200x60", values...), counted(m, "0+200x60", values...)),
			},
			{
				name: "one in ten, for a few minutes", at: "8m",
				series: inputs(bucket(m, "10", "0+9x60", values...), bucket(m, "+Inf", "0+10x60", values...), counted(m, "0+10x60", values...)),
			},
			{
				name: "no lookups", at: "40m",
				series: inputs(bucket(m, "10", "9x60", values...), bucket(m, "+Inf", "10x60", values...), counted(m, "10x60", values...)),
			},
		}),
	}
}

// engineSilent and the following alerts need the recorder's self-metrics.
func engineSilent(w *writer) alert {
	age := selfmetrics.PayloadAge
	return alert{
		name:     "KVOffloadEngineSilent",
		expr:     above(silentSeconds, w.gauge(age)),
		hold:     "5m",
		severity: severityWarning,
		summary:  "No payload came from " + ofEngine + " for five minutes or longer",
		runbook: "The engine sent stats before and sends none now, so its counters do not change and its gauges show their last values. " +
			"An idle engine may send nothing: compare with its requests. Otherwise the engine is down or stuck, or its payloads do not " +
			"reach the recorder. The log of the code that calls Observe names payloads that it could not read. Remove an engine from the " +
			"recorder if you shut it down on purpose. This alert never fires for engines that record without payloads, or for a process " +
			"that is down: use an alert on up for that.",
		cases: slices.Concat(silentLife(age), []alertCase{
			{name: "stopped", series: inputs(read(age, "0+60x60")), at: "30m", labels: alertLabels()},
			{name: "stopped a short while ago", series: inputs(read(age, "0+60x60")), at: "8m"},
			{name: "sends", series: inputs(read(age, "1x60")), at: "30m"},
			{name: "a pause", series: inputs(read(age, "1x5 60+60x6 1x60")), at: "14m"},
		}),
	}
}

const ofRecorder = "the recorder of {{ $labels.instance }} ({{ $labels.job }})"

func seriesFolded(w *writer) alert {
	folds := selfmetrics.Folds
	expr := w.within("15m", func(w *writer) term { return w.grown(folds) })
	return alert{
		name:     "OtelkvSeriesFolded",
		expr:     expr,
		hold:     "0m",
		severity: severityWarning,
		summary:  "Label values fold into \"other\" at " + ofRecorder,
		runbook: "A metric reached its limit of series, and new label values that were not declared now become \"other\". Totals are " +
			"still right. Usually a label has values that it should not have, such as a request, a path or an address. If the values " +
			"are intended, declare the tiers or raise otelkv.WithSeriesLimits.",
		cases: slices.Concat(foldsLife(folds), []alertCase{
			{name: "folds", series: inputs(counted(folds, "0x10 0+5x30")), at: "30m", labels: processLabels()},
			{name: "folded before the first scrape", series: inputs(counted(folds, "5x30")), at: "10m", labels: processLabels()},
			{name: "none", series: inputs(counted(folds, "0x60")), at: "30m"},
			{name: "long ago", series: inputs(counted(folds, "0 7x60")), at: "40m"},
		}),
	}
}

func entriesRejected(w *writer) alert {
	rejected := selfmetrics.RejectedEntries
	labels := processLabels()
	labels[selfmetrics.LabelReason] = selfmetrics.ReasonUnknownMetric
	return alert{
		name:     "OtelkvEntriesRejected",
		expr:     above(0, w.rate(rejected)),
		hold:     "10m",
		severity: severityWarning,
		summary:  "Entries of payloads are rejected at " + ofRecorder + ": {{ $labels.reason }}",
		runbook: "A sender and the recorder do not agree on a metric, so some of the sender's metrics are missing. The others count. " +
			"The errors of Observe name the metric and the reason. For an unknown metric, the sender usually has another version: add " +
			"the definition to the catalogue. An unknown engine was not declared.",
		cases: slices.Concat(growthLife(rejected, labels, selfmetrics.ReasonUnknownMetric), []alertCase{
			{
				name: "keeps growing", at: "30m", labels: labels,
				series: inputs(counted(rejected, "0+1x60", selfmetrics.ReasonUnknownMetric)),
			},
			{
				name: "happened once", at: "8m",
				series: inputs(counted(rejected, "0x5 1x60", selfmetrics.ReasonUnknownMetric)),
			},
			{
				name: "happened once, long ago", at: "40m",
				series: inputs(counted(rejected, "0x5 1x60", selfmetrics.ReasonUnknownMetric)),
			},
			{
				name: "none", at: "30m",
				series: inputs(counted(rejected, "0x60", selfmetrics.ReasonUnknownMetric)),
			},
		}),
	}
}

// tierValues returns the label values of the metric's test series.
func tierValues(m schema.Metric) []string {
	if len(m.Definition().LabelNames) == 0 {
		return nil
	}
	return []string{"1:fs"}
}
