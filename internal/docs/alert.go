// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"slices"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// How soon somebody has to look.
const (
	severityCritical = "critical"
	severityWarning  = "warning"
	severityInfo     = "info"
)

const (
	ofEngine = "engine {{ $labels.engine }} ({{ $labels.model_name }}) at {{ $labels.instance }}"
	ofTier   = "tier {{ $labels.tier }} of " + ofEngine
)

// alerts returns every alerting rule. Each keeps all labels of its series: replicas
// share the model's and the engine's, and the progress of one must not hide that
// another stands still.
func alerts(w *writer) []alert {
	return []alert{
		jobsFail(w, "KVOffloadPromotionsFail", vllm.TieringPromotionJobFailures, "Promotions from "+ofTier+" fail",
			"Data of this tier cannot be brought up, and the prefixes are computed again instead. "+
				"The service goes on, slower. Look at the tier's log and its medium: an unreachable store, a lost mount, "+
				"files that were removed or damaged. The dashboard's row \"Tiers\" tells whether reads still succeed in part."),
		jobsFail(w, "KVOffloadCascadesFail", vllm.TieringCascadeJobFailures, "Cascades to "+ofTier+" fail",
			"Data is not written to this tier, so its hit rate will fall as the old data ages. "+
				"The service goes on. Look for a full disk, missing permissions or a store that refuses writes; "+
				"nothing that a failed cascade wrote counts as written."),
		growing(w, "KVOffloadStoresFindNoRoom", vllm.AllocationFailure, "Stores of "+ofEngine+" find no room",
			"Stores are refused because every chunk of the CPU cache is pinned, and their data stays on the GPU alone. "+
				"Either the cache is too small for the traffic, or a slow secondary tier holds chunks for too long: compare "+
				"\"CPU cache pinned\" with \"Primary tier held by cascades\". Give the cache more chunks, or the tier less work."),
		growing(w, "KVOffloadPromotionsFindNoRoom", vllm.TieringPromotionAllocationFailures,
			"Promotions of "+ofEngine+" find no room",
			"Hits in lower tiers are lost because the CPU cache cannot take them. The cache is too small or pinned; "+
				"\"CPU cache pinned\" tells which. A cache that is pinned by cascades waits for a slow tier."),
		growing(w, "KVOffloadStoresDropped", vllm.BackPressureStoresDropped, "Stores to "+ofTier+" are dropped",
			"The tier stores so slowly that new stores to it are dropped, as back-pressure intends. Its hit rate will fall. "+
				"\"Store latency\" shows how slow it is. Find out what else uses the medium, or accept that the tier is too "+
				"slow for this traffic."),
		cachePinned(w),
		tierWithoutHits(w),
		tierStalled(w, "KVOffloadPromotionsStalled", vllm.TieringActivePromotionJobs, vllm.TieringReadBytes,
			vllm.TieringPromotionJobFailures, "Promotions from "+ofTier+" are stuck"),
		tierStalled(w, "KVOffloadCascadesStalled", vllm.TieringActiveCascadeJobs, vllm.TieringWriteBytes,
			vllm.TieringCascadeJobFailures, "Cascades to "+ofTier+" are stuck"),
		beyondBoundary(w, "KVOffloadLookupsWaitLong", vllm.LookupAsyncDelay, "Deferred lookups of "+ofEngine+" wait for more than 10 s"),
		beyondBoundary(w, "KVOffloadTierLookupsWaitLong", vllm.TieringLookupAsyncDelay, "Lookups in "+ofTier+" wait for more than 10 s"),
		budgetBurns(w, "KVOffloadLookupBudgetBurns", severityCritical, 14.4, "1h", "5m"),
		budgetBurns(w, "KVOffloadLookupBudgetBurnsSlowly", severityWarning, 6, "6h", "30m"),
		engineVanished(w),
		engineSilent(w),
		seriesFolded(w),
		entriesRejected(w),
	}
}

// growing fires while a counter of things that should not happen goes on
// growing.
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
			{name: "goes on", series: inputs(counted(m, "0+3x60", values...)), at: "40m", labels: alertLabels(values...)},
			{name: "happened once", series: inputs(counted(m, "0x5 3x60", values...)), at: "8m"},
			{name: "happened once, long ago", series: inputs(counted(m, "0x5 3x60", values...)), at: "40m"},
			{name: "never happened", series: inputs(counted(m, "0x60", values...)), at: "40m"},
		}),
	}
}

// jobsFail is growing for jobs of a tier, sooner.
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
		runbook: "Transfers hold almost every chunk, so new stores and promotions are about to be refused. " +
			"This does not mean that the cache is full of data. \"writing\" in the panel \"CPU cache pinned\" points to stores, " +
			"the rest to loads and cascades; \"Jobs in flight\" shows which tier holds the chunks. A larger cache helps if " +
			"transfers are merely many, a faster tier if they are slow.",
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
		runbook: "The tier is asked and never has anything, so it costs lookups and writes for nothing. Just after a start this is " +
			"to be expected. Later it means that the tier lost its data, that its keys changed (another model revision, another " +
			"block size, another hash seed), or that nothing is written to it: see \"Written to the tier\" and \"Stores dropped\".",
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

// tierStalled fires when jobs are in flight for long and none of them ends, well
// or badly.
func tierStalled(w *writer, name string, active, bytes, failures schema.Metric, summary string) alert {
	expr := unless(unless(above(0, w.lowest(active)), w.grown(bytes)), w.grown(failures))
	return alert{
		name:     name,
		expr:     expr,
		hold:     "10m",
		severity: severityCritical,
		summary:  summary,
		runbook: "Jobs were in flight for ten minutes and more, and not one of them ended, well or badly. Their chunks stay pinned in " +
			"the CPU cache, so stores will soon be refused. Look for a hung mount, a store that accepts connections and never " +
			"answers, or a worker thread that died. Draining and restarting the engine frees the chunks; a time limit on the " +
			"tier's operations keeps it from coming back.",
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

// beyondBoundary fires when more than a hundredth of a histogram's samples lie
// beyond its last boundary, where no quantile can see them. The short window lets
// the first minutes of a start go by, which the long one remembers for longer than
// the alert holds.
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
		runbook: "More than one deferred lookup in a hundred takes longer than the histogram's last boundary, so its quantiles read 10 s " +
			"whatever the truth is. The requests wait all that time. Look for a tier that answers lookups slowly or not at all " +
			"(\"Lookups that wait for a tier\"), and for a queue of promotions in front of it. The sum over the count gives the true mean.",
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

// engineSilent, and what follows, are about the recorder itself and need its
// self-metrics.
func engineSilent(w *writer) alert {
	age := selfmetrics.PayloadAge
	return alert{
		name:     "KVOffloadEngineSilent",
		expr:     above(silentSeconds, w.gauge(age)),
		hold:     "5m",
		severity: severityWarning,
		summary:  "No payload came from " + ofEngine + " for five minutes or longer",
		runbook: "The engine sent stats before and sends none now, so its counters stand still and its gauges show their last values. " +
			"An engine that does nothing may send nothing: compare with its requests. Otherwise the engine is down or stuck, or the way " +
			"from it to the recorder is broken; the log of the code that calls Observe names payloads that it could not read. An engine that was " +
			"taken away on purpose should be removed from the recorder. Engines that record without payloads never fire this, and neither does " +
			"a process that is gone: alert on up for that.",
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
		runbook: "A metric reached its limit of series, and label values that were not declared share the value \"other\" from here on. " +
			"Totals stay right, but what is under \"other\" cannot be told apart. Usually a label takes values that it should not: a request, " +
			"a path, an address. Where the values are meant, declare the tiers or raise otelkv.WithSeriesLimits.",
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
		runbook: "A sender and the recorder do not agree on a metric, so part of what the sender measures is missing; the rest counts. " +
			"The errors that Observe returns name the metric and the reason. An unknown metric is mostly a sender of another version: add " +
			"its definition to the catalogue. An unknown engine is one that was not declared.",
		cases: slices.Concat(growthLife(rejected, labels, selfmetrics.ReasonUnknownMetric), []alertCase{
			{
				name: "goes on", at: "30m", labels: labels,
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

// tierValues returns the label values that test series of the metric take.
func tierValues(m schema.Metric) []string {
	if len(m.Definition().LabelNames) == 0 {
		return nil
	}
	return []string{"1:fs"}
}
