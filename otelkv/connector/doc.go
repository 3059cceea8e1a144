// SPDX-License-Identifier: Apache-2.0

// Package connector records what an offloading connector counts for all of its
// tiers together: the copies to and from the GPU, how long it looks for a request's
// cached blocks, how often there was no room to store, and how it is configured.
// What happens between tiers is for package tiering.
//
//   - [Transfers] records copies: bytes, seconds and size, by direction.
//   - [Tracker] records lookups and failed allocations.
//   - [ConfigInfo] sends an engine's static facts.
//   - [SimpleCPU] records the family of vLLM's simple CPU offload connector.
//     [SimpleCPUPool] records that of another design of it, which vLLM did not
//     adopt and which is in use. A service chooses one.
//
// In the process that exports, otelkv's Engine.Trackers makes what an engine needs.
//
// # Where it goes
//
// A tracker fills a payload, which Take hands out and resets. Take it once per
// step: it keeps every delay, and the size of every copy, until then. With
// [WithBinder] a tracker records to the series of a recorder in the same process
// instead.
//
// # What it costs
//
// All are safe for concurrent use. A copy allocates nothing, and a lookup nothing
// once there is room for as many requests as wait at a time. The requests that wait
// are bounded.
package connector
