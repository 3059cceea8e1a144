// SPDX-License-Identifier: Apache-2.0

// Package stats holds the stats of one interval as a value: a [Payload], which is
// recorded to, merged, reduced to a log line, and sent from the process that saw
// the events to the one that exports them.
//
// # What it is for
//
// An engine's workers and tiers see transfers, look-ups and failures; another
// process serves /metrics or pushes OTLP. vLLM carries the numbers between them in
// KVConnectorStats, a dict of the form
//
//	{"types": {name: kind}, "data": {name: {label values: value}}}
//
// since vLLM #45957. This package is that dict in Go, with vLLM's rules for adding
// up, merging and reducing, and the same bytes on the wire. A Go tier can send to a
// vLLM front end, and a Go front end can receive from vLLM's workers.
//
// A payload describes itself: it names each metric's kind, so that it is merged,
// reduced and passed on without a catalogue. What finally counts it, package
// otelkv's recorder, knows the definitions, and checks it against them.
//
// # How to choose
//
// Code that runs in the exporting process needs no payload: bind series of the
// recorder and record. Payloads are for what is elsewhere, or wants one figure an
// interval rather than one an event. Code that should not care takes a [Binder].
//
// Where the metrics are known when the program starts, bind handles
// ([Payload.Int64Counter] and its siblings): the definition's type decides what can
// be recorded, label values are checked once, and recording is an addition.
// Where names arrive at run time, call [Payload.AddCounter],
// [Payload.RecordGauge] and [Payload.RecordHistogram], which return errors.
//
// The side that sends calls [Payload.TakeInto] with a second payload each interval
// and encodes it; the one that receives keeps one Payload and decodes into it.
// Both stop allocating once they have seen the metrics.
//
// MessagePack is vLLM's format. JSON is for files, tests and people: vLLM defines
// no JSON form, since its keys are tuples, so entries are lists of labels and value.
//
// # Zero, absent, empty
//
// An entry is in a payload from its first measurement on, also one of zero, until
// the payload is reset or taken. A bound handle alone makes no entry. A counter's
// entry starts again from zero in each interval; a gauge that is not recorded
// again is absent, not zero.
//
// # Other connectors
//
// A vLLM that prefills elsewhere runs its offloading connector beside another one, in
// a MultiConnector. The other one's stats, a NIXL connector's for example, are in no
// form that this package knows, and are none of its business. A [Decoder] leaves them
// alone, and [Payload.Ignored] tells whose they were, so that nothing is lost without
// a trace.
//
// # Errors
//
// vLLM asserts, and a bad entry costs the process. Here, a bad entry is left out,
// everything else is kept, and the returned error names metric, label values and
// reason; see [EntryError]. An encoded payload that is truncated, malformed or over
// its [Limits] is refused as a whole, with a [DecodeError]. Error texts quote and
// shorten what came from outside.
//
// A counter refuses what its sum would hide: increments that are negative, NaN or
// infinite. Gauges and samples carry any float64; the recorder refuses those that
// would spoil a series, and counts them.
//
// # What it costs
//
// A handle's Add or Record takes one to four nanoseconds and no memory, a
// histogram's 16 bytes a sample until the next take. Decoding MessagePack into a
// payload in use takes some 20 nanoseconds a value, without allocating. A decoder's
// limits are checked before memory is taken, and what an idle payload keeps for
// reuse is bounded, see [Payload.Reset].
//
// # What it is not
//
// A payload is no registry and no aggregation over time: it holds one interval, and
// somebody must take it. Histograms are lists of samples, not buckets, because
// boundaries belong to the definition on the receiving side. Nothing here is safe
// for concurrent use: give each goroutine a payload and merge them, or hold a lock.
// The package knows no OpenTelemetry and no Prometheus.
package stats
