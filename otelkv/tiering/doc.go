// SPDX-License-Identifier: Apache-2.0

// Package tiering records what happens between the tiers of an offloading service: which
// tier had a chunk, how long the lookup took, which chunks are promoted and cascaded, and
// which fraction of the primary tier such transfers pin.
//
// A service has one primary tier, from which chunks can be loaded to the GPU, and any
// number of secondary tiers below it. It looks a chunk up tier by tier, promotes chunks
// from a secondary tier to the primary, and cascades stored chunks from the primary to the
// secondary tiers. It tells a [Tracker] of these events. The tracker follows vLLM's rules
// for the metrics of its tiering specification:
//
//   - A request's lookup of a chunk in a tier counts once, even if a scheduler repeats it
//     until the tier knows. It does not count once the request has memory.
//   - The synchronous delay is that of the call which resolved the lookup. The asynchronous
//     delay runs from the first call that had to be repeated. Neither includes the
//     promotion.
//   - A job is in gauges while it runs, and counts bytes and seconds when it succeeds. A
//     promotion of which only some chunks arrived is a failure, and counts their bytes.
//   - Every payload has the gauges of every secondary tier, zeros included. Everything else
//     appears with its first event.
//
// A [CPUPool] records the usage of the primary tier's memory, or of the cache of a service
// without other tiers.
//
// Trackers fill payloads or record to a recorder's series. Package connector describes
// both, and has the options. In the process that exports, otelkv's Engine.Trackers creates
// the trackers.
//
// # Requests and chunks
//
// Requests are known by the service's own ids, and chunks by 64-bit keys. A tracker
// remembers a lookup until its request is allocated or finished. If a service forgets to
// say so, memory stays bounded: the least recently used requests are evicted, and
// [Tracker.State] counts them.
//
// # What it costs
//
// A lookup takes a lock and a map access. It allocates nothing once the maps have grown to
// the size that requests need, because further requests reuse them. A job allocates its
// handle. Recording never fails and never panics: invalid input, such as a negative
// duration or a job that finishes twice, changes nothing.
//
// # What it is not
//
// The package moves no data. It decides nothing but whether a tier is too slow to store to,
// if it is asked ([Tracker.AdmitStore]). It knows no OpenTelemetry.
package tiering
