// SPDX-License-Identifier: Apache-2.0

// Package connector records what an offloading connector counts for all of its tiers
// together: the copies to and from the GPU, how long it looks for a request's cached
// blocks, how often there was no room to store, and how it is configured. Package tiering
// records what happens between tiers.
//
//   - [Transfers] records copies: bytes, seconds and size, for each direction.
//   - [Tracker] records lookups and failed allocations.
//   - [ConfigInfo] sends an engine's static facts.
//   - [SimpleCPU] records the metrics of vLLM's simple CPU offload connector.
//     [SimpleCPUPool] records those of another design of it, which is in use although
//     vLLM did not adopt it. A service chooses one.
//
// In the process that exports, otelkv's Engine.Trackers creates what an engine needs.
//
// # Where measurements go
//
// Each of them fills a payload. Call Take or TakeInto once per step, because the payload
// keeps every delay and the size of every copy until then.
//
// With [WithBinder], a tracker records to the series of a recorder in the same process
// instead, and there is nothing to take.
//
// # What it costs
//
// All are safe for concurrent use. A copy allocates nothing. A lookup allocates nothing
// once there was room for as many requests as wait at the same time. Their number is
// bounded.
package connector
