// Package connector records what a scheduler's side of an offloading connector
// counts for all of its tiers together: how long it looks for a request's cached
// blocks, how often there was no room to store, and how it is configured.
//
// A [Tracker] is told of lookups and failed allocations. Each lookup that runs
// leaves a synchronous delay, its own duration. A lookup may answer "ask again";
// from the start of the first one that does until a later one resolves, or the
// request finishes, is the asynchronous delay, and a request can have several. A
// lookup that does not run, because transfers of its request are in flight or
// the request does not read the cache, is not recorded at all. Delays by tier
// and chunk are another matter; see package tiering.
//
// A [ConfigInfo] turns an engine's static facts into the labels that its
// specification declared, and sends them when they are new.
//
// The bytes and seconds of the copies themselves come from package transfer.
//
// # Where it goes
//
// A tracker fills a payload, which [Tracker.Take] hands out. Take it once per
// step: it keeps every delay until then. With [WithBinder] the tracker records to
// the series of a recorder in the same process instead.
//
// # What it costs
//
// A tracker is safe for concurrent use. A lookup allocates nothing once there is
// room for as many requests as wait at a time, and the requests that wait are
// bounded.
package connector
