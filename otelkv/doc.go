// SPDX-License-Identifier: Apache-2.0

// Package otelkv records the metrics of KV-cache offloading. It is for a service that moves
// KV-cache blocks between a GPU and slower tiers: host memory, disk, an object store, a
// peer. The metrics and their rules are those of vLLM's offloading metrics layer, so
// dashboards and alerts for a vLLM engine also work for such a service.
//
// A [Recorder] takes a catalogue of definitions, for example vllm.TieringSpec. An [Engine]
// stands for one serving engine. Its series have the labels model_name and engine:
//
//	recorder, err := otelkv.New(vllm.TieringSpec())
//	...
//	engine, err := recorder.AddEngine(0, "llama", otelkv.WithTiers("fs"))
//
// # Recording
//
// There are several ways to record. They lead to the same series, and can be mixed.
//
// Code that sees events binds a series once, and then adds or records. Binding checks the
// metric, its kind and the label values, and returns an error. Recording returns nothing:
//
//	loads, err := engine.Int64Counter(vllm.LoadBytes)
//	...
//	loads.Add(4096)
//
// Trackers, of the packages tiering and connector, know vLLM's rules of what counts when.
// [Engine.Trackers] creates them.
//
// Code that gets payloads from workers passes them to [Engine.Observe]. A good entry counts
// even if other entries are invalid.
//
// Code that has totals which something else counts (a C library, another process) registers
// a callback that reads them ([Recorder.RegisterCallback], [Engine.Int64Total]). If the
// source restarts from zero, the series does not go down.
//
// # Exporting
//
// A recorder exports nothing by itself. [Recorder.Producer] gives its metrics to a reader of
// the OpenTelemetry SDK, package exporters/prometheus gives them to a Prometheus registry,
// and package exporters to both, as the environment says. All of them give the same points:
// exact start times, zeros, deltas of their own for each reader, and one last report of
// what was removed.
//
// [Recorder.RegisterInstruments] is for any other MeterProvider, and for the global one.
// Counters and gauges are observable instruments there, and histograms are synchronous
// ones. The points are the same, with these differences:
//
//   - a histogram sample costs what the provider's instrument costs;
//   - a histogram appears with its first sample, even if its engine is primed;
//   - a removed engine is reported for some more time ([WithRemovalDelay]), and its
//     histograms stay until the provider ends, unless it can finish them;
//   - start times are the provider's. By default all series of an instrument have one start
//     time, so an engine that came back keeps the old one;
//   - totals of buckets are not exported ([Engine.HistogramTotal]).
//
// # What it costs
//
// Adding to a counter or setting a gauge is one atomic operation, and a histogram sample is
// a few. They never allocate, block or panic. A payload costs one look-up for each entry,
// and no allocation once its series exist. A series takes a few hundred bytes. The number
// of series is bounded ([WithSeriesLimits]): past the limit, label values fold into
// [Other], while declared tiers and the engine's labels stay.
//
// The recorder starts no goroutine, except for callbacks during a collection, and sends
// nothing by itself.
//
// # Zero or absent
//
// As in vLLM, most series appear with their first measurement. A query cannot tell such an
// absent series from a mistyped label. [WithPriming] creates every series that is known
// beforehand with the value zero.
//
// # What it is not
//
// It is not a general metrics library. A definition must be in the catalogue before it can
// be recorded, and there are only counters, gauges, and histograms with explicit
// boundaries. It measures nothing by itself.
package otelkv
