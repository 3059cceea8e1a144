// SPDX-License-Identifier: Apache-2.0

// Package otelkv records the metrics of KV-cache offloading: what a service that
// moves KV-cache blocks between a GPU and slower tiers (host memory, disk, an
// object store, a peer) tells its operators. The metrics and their rules are those
// of vLLM's offloading metrics layer, so that such a service looks to dashboards
// and alerts like a vLLM engine.
//
// A [Recorder] takes a catalogue of definitions, for example vllm.TieringSpec. An
// [Engine] stands for one serving engine and gives its series the labels model_name
// and engine:
//
//	recorder, err := otelkv.New(vllm.TieringSpec())
//	...
//	engine, err := recorder.AddEngine(0, "llama", otelkv.WithTiers("fs"))
//
// # Recording
//
// There are three ways to record. They lead to the same series, and can be mixed.
//
// Code that sees events binds a series once and then adds or records. Binding
// checks the metric, its kind and the label values, and returns an error;
// recording returns nothing:
//
//	loads, err := engine.Int64Counter(vllm.LoadBytes)
//	...
//	loads.Add(4096)
//
// Trackers, of the packages tiering and connector, know vLLM's rules of what counts
// when. [Engine.Trackers] makes them.
//
// Code that gets payloads from workers passes them to [Engine.Observe]. A good
// entry counts even if other entries are invalid.
//
// Code that has totals which somebody else counts (a C library, another process)
// registers a callback that reads them ([Recorder.RegisterCallback],
// [Engine.Int64Total]). A source that begins again from zero never shows as a
// total that goes down.
//
// # Exporting
//
// A recorder alone emits nothing. [Recorder.Producer] gives its metrics to a reader of
// the OpenTelemetry SDK, package exporters/prometheus to a Prometheus registry, and
// package exporters to both, as the environment says. All of them give the same points:
// exact start times, zeros, deltas for that reader alone, and one last report of what
// was removed.
//
// [Recorder.RegisterInstruments] is for any other MeterProvider, and for the global one.
// Counters and gauges are observable instruments there, and histograms are synchronous
// ones. The same points come out, and what differs is this:
//
//   - a histogram sample costs what the provider's instrument costs;
//   - a histogram cannot show before its first sample, not even primed;
//   - a removed engine is reported for some time more ([WithRemovalDelay]), and its
//     histograms stay until the provider ends, unless it can finish them;
//   - start times are the provider's, by default one for all series of an instrument,
//     so that an engine that came back keeps the old one;
//   - totals of buckets cannot be observed ([Engine.HistogramTotal]).
//
// # What it costs
//
// Adding to a counter or setting a gauge is one atomic operation, and a histogram
// sample a few. None of them allocates, blocks, or panics. A payload is recorded
// with a look-up for each entry, and without allocating once its series exist.
// Memory is a few hundred bytes a series, and the number of series is bounded
// ([WithSeriesLimit]): past the limit label values fold into [Other], while
// declared tiers and the engine's labels stay.
//
// The recorder starts no goroutine, except for callbacks while it is collected from,
// and sends nothing by itself.
//
// # Zero or absent
//
// As in vLLM, most series appear with their first measurement. A reader cannot
// tell such an absent series from a mistyped label. [WithPriming] makes all that
// can be foreseen exist at zero from the start.
//
// # What it is not
//
// It is no general metrics library: a definition has to be in the catalogue before
// it can be recorded, and there are counters, gauges and histograms with explicit
// boundaries only. It measures nothing by itself.
package otelkv
