// Package transfer records copies of KV-cache blocks between the GPU and the
// offload tier: the bytes, the seconds and the size of each, by direction. A
// load copies to the GPU, a store from it.
//
// Where a copy runs to its end in one call, take a [Timer]:
//
//	timer := recorder.Start(transfer.Store)
//	n := copyBlocks(blocks)
//	timer.End(n)
//
// Where a copy is submitted and completes later, as on a GPU stream, put a pair
// of timing events into a [Queue] and poll it; where the time is known from
// elsewhere, use [Recorder.Record].
//
// # What is timed
//
// The copy, and nothing else. vLLM brackets the transfer itself: the wait for
// the computation that produces the blocks and the preparation of addresses and
// sizes on the host come before the start. A copy worker that follows it
// enqueues the wait, prepares, records the start event, launches the copy, and
// records the end event. The seconds of several workers add up to
// worker-seconds, which can exceed wall time.
//
// A copy of no bytes records nothing, and its time is not even read. A copy that
// failed is cancelled and records nothing.
//
// # Where it goes
//
// A recorder fills a payload, which [Recorder.Take] hands out and resets, and
// which is nil if there was no copy. Take it once per step: it keeps the size of
// every copy until then. With [WithBinder] it records to the series of a
// recorder in the same process instead.
//
// # What it costs
//
// Timers and events come from pools and are released exactly once, whatever the
// caller does with its copies of a handle. A warm pool allocates nothing. A pool
// keeps as many as were in use at a time, and one that is never released is
// garbage like any other value.
package transfer
