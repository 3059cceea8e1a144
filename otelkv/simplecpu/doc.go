// Package simplecpu records the metrics of vLLM's simple CPU offload connector,
// which keeps one pool of blocks in host memory or on disk.
//
// There are two families for it, and a service chooses one:
//
//   - [Tracker] records the family that vLLM has, vllm:simple_kv_offload_*:
//     what was decided about each store, blocks loaded, blocks used and pending,
//     and the deployment's facts (catalogue vllm.SimpleCPUSpec). Copies are not
//     timed. vLLM's log line leaves the facts out, as [stats.Summary.Without] does.
//   - [Pool] records the gauges vllm:simple_cpu_offload_* of a design that vLLM
//     did not adopt and that is in use (catalogue vllm.SimpleCPUPoolSpec). Its
//     copies are those of package transfer.
//
// Both are safe for concurrent use, and fill a payload that Take hands out, with
// the gauges in each; with [WithBinder] they record to the series of a recorder
// in the same process instead.
//
// Neither looks into a pool. The service says what its counts are, as often as
// it likes; once before each Take is enough.
package simplecpu
