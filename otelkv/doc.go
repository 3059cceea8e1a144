// Package otelkv records the metrics of KV-cache offloading: what a service that
// moves KV-cache blocks between a GPU and slower tiers (host memory, disk, an
// object store, a peer) tells its operators. The metrics and their rules are those
// of vLLM's offloading metrics layer, so that such a service looks to dashboards
// and alerts like a vLLM engine.
//
// A [Recorder] takes a catalogue of definitions, for example vllm.TieringSpec, and
// emits its metrics through an OpenTelemetry MeterProvider. An [Engine] stands for
// one serving engine and gives its series the labels model_name and engine:
//
//	recorder, err := otelkv.New(vllm.TieringSpec(), otelkv.WithMeterProvider(provider))
//	...
//	engine, err := recorder.AddEngine(0, "llama", otelkv.WithTiers("1:fs"))
//
// # Doors
//
// There are three ways in. They lead to the same series, and can be mixed.
//
// Code that sees events binds a series once and then adds or records. Binding
// checks the metric, its kind and the label values, and returns an error;
// recording returns nothing:
//
//	loads, err := engine.Int64Counter(vllm.LoadBytes)
//	...
//	loads.Add(4096)
//
// The packages tiering, transfer, connector and simplecpu know vLLM's rules of
// what counts when, and record through [Engine.Binder].
//
// Code that gets payloads from workers passes them to [Engine.Observe]. A good
// entry counts whatever is wrong with its neighbours.
//
// Code that has totals which somebody else counts (a C library, another process)
// registers a callback that reads them ([Recorder.RegisterCallback],
// [Engine.Int64Total]). A source that begins again from zero never shows as a
// total that goes down.
//
// # Ways out
//
// On a pipeline of package exporters, every series leaves as the recorder keeps
// it. On any other provider, counters and gauges are observable instruments, and
// histograms are synchronous ones; the same points come out, and what differs is
// this:
//
//   - a histogram sample costs what the SDK's instrument costs;
//   - a histogram cannot show before its first sample, not even primed;
//   - a removed engine is reported for some time more ([Engine.Remove]), and its
//     histograms stay until the provider ends;
//   - start times are the SDK's, by default one for all series of an instrument, so
//     that an engine that came back keeps the old one;
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
// The recorder starts no goroutine, and sends nothing by itself.
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
// boundaries only. It measures nothing by itself, and it does not know the
// OpenTelemetry SDK: packages exporters and sdk/metric do the rest.
package otelkv
