// SPDX-License-Identifier: Apache-2.0

// Package tiering records what happens between the tiers of an offloading
// service: which tier had a chunk, how long it took to know, what is being
// promoted and cascaded, and how full of moving chunks the primary tier is.
//
// A service has one primary tier, from which chunks can be loaded to the GPU,
// and any number of secondary ones below it. It looks a chunk up tier by tier,
// promotes chunks that a secondary tier has into the primary, and cascades
// stored chunks from the primary to the secondary tiers. A [Tracker] is told of
// these events and keeps vLLM's rules for the metrics of its tiering
// specification, so that a Go service looks to its operators as vLLM does:
//
//   - A request's lookup of a chunk in a tier counts once, however often a
//     scheduler repeats it while the tier makes up its mind, and no longer once
//     the request has been given memory.
//   - The synchronous delay is that of the call which resolved the lookup; the
//     asynchronous delay runs from the first call that was told to ask again.
//     The time of the promotion is in neither.
//   - Jobs are gauges while they run and bytes and seconds when they succeed. A
//     promotion of which some chunks arrived is a failure and counts their bytes.
//   - The gauges of every secondary tier are in every payload, zeros included;
//     all else appears with its first event.
//
// A [CPUPool] records the usage of the primary tier's memory, or of the cache of
// a service that has no other tier.
//
// Trackers fill payloads or record to a recorder's series; see package connector,
// whose options are also those of this package. In the process that exports, otelkv's
// Engine.Trackers makes them.
//
// # Requests and chunks
//
// Requests are known by the service's own ids, and chunks by 64-bit keys. A
// tracker remembers a lookup until its request is allocated or finished. A
// service that forgets to say so does not grow without bound: the least recently
// used requests are evicted, and [Tracker.State] counts them.
//
// # What it costs
//
// A lookup takes a lock and a map access, and allocates nothing once the maps
// have grown to the size that requests need; they are reused from request to
// request. A job allocates its handle. Recording never fails and never panics:
// what makes no sense, such as a negative duration or a job that finishes twice,
// changes nothing.
//
// # What it is not
//
// The package moves no data and decides nothing but, where it is asked, whether
// a tier is too slow to store to ([Tracker.AdmitStore]). It knows no OpenTelemetry.
package tiering
