// SPDX-License-Identifier: Apache-2.0

// Package stats holds the stats of one interval as a value, a [Payload]. A program
// records to it, merges it with others, reduces it to a log line, and sends it from the
// process that sees the events to the process that exports them.
//
// # What it is for
//
// The workers and tiers of an engine see transfers, look-ups and failures. Another
// process serves /metrics or pushes OTLP. vLLM sends the numbers between them as
// KVConnectorStats, a dict of the form
//
//	{"types": {name: kind}, "data": {name: {label values: value}}}
//
// since vLLM #45957. This package is that dict in Go, with vLLM's rules for adding,
// merging and reducing, and with the same bytes on the wire. A Go tier can send to a
// vLLM front end, and a Go front end can receive from vLLM's workers.
//
// A payload contains the kind of each metric, so programs can merge, reduce and forward
// it without a catalogue. The recorder of package otelkv, which counts it, checks it
// against the definitions.
//
// # How to choose
//
// Code in the exporting process needs no payload: it binds series of the recorder.
// Use payloads in other processes, or to get one number for each interval instead of
// one for each event. Code that should work with both takes a [Binder].
//
// If the metrics are known when the program starts, bind handles
// ([Payload.Int64Counter] and the other four). The type of the definition decides what
// can be recorded, label values are checked once, and recording is an addition. If the
// names are known only at run time, call [Payload.AddCounter], [Payload.RecordGauge]
// and [Payload.RecordHistogram], which return errors.
//
// A sender calls [Payload.TakeInto] with a second payload in each interval and encodes
// that. A receiver keeps one Payload and decodes into it. Both stop allocating once
// they have seen all metrics.
//
// MessagePack is vLLM's format. JSON is for files, tests and people. vLLM defines no
// JSON form, because its keys are tuples; here, entries are lists of labels and value.
//
// # Zero, absent, empty
//
// An entry appears in a payload with its first measurement, even if that is zero, and
// stays until the payload is reset or taken. Binding a handle makes no entry. A
// counter's entry starts at zero in each interval. A gauge that is not recorded in an
// interval is absent, not zero.
//
// # Other connectors
//
// A vLLM that prefills on other machines runs its offloading connector beside another
// connector, in a MultiConnector. This package does not know the form of the other
// connector's stats, a NIXL connector's for example. A [Decoder] ignores them, and
// [Payload.Ignored] tells from which connector they came, and how often.
//
// # Errors
//
// In vLLM, a bad entry fails an assertion and ends the process. Here, only that entry
// is left out, and the returned error names the metric, the label values and the
// reason; see [EntryError]. An encoded payload that is truncated, malformed or over its
// [Limits] is refused as a whole, with a [DecodeError]. Error texts quote and shorten
// text from the input.
//
// A counter refuses increments that are negative, NaN or infinite, because its sum
// would hide them. Gauges and samples may be any float64. The recorder refuses NaN and
// infinities, and counts them.
//
// # What it costs
//
// A handle's Add or Record takes one to four nanoseconds and no memory. A histogram
// keeps 16 bytes for each sample until the next take. Decoding MessagePack into a
// payload that has decoded it before takes about 20 nanoseconds for each value, and
// decoding JSON about 200, without allocating. A decoder checks its limits before it
// allocates, and the memory that an empty payload keeps is bounded, see [Payload.Reset].
//
// # What it is not
//
// A payload is not a registry and does not aggregate over time: it holds one interval,
// and the program has to take it. Histograms are lists of samples, not buckets, because
// the boundaries are in the definition on the receiving side. Nothing here is safe for
// concurrent use, except a [Decoder] and a [Summary]: give each goroutine a payload and
// merge them, or hold a lock. The package depends on neither OpenTelemetry nor
// Prometheus.
package stats
