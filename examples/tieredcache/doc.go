// SPDX-License-Identifier: Apache-2.0

// Command tieredcache is a KV-block cache with two tiers and a generated load. otelkv
// measures it.
//
// It does what the offloading layer of an inference server does, at a small scale and with
// real bytes. Several engines serve requests whose prompts share prefixes. An engine looks
// the chunks of a prompt up in its primary tier, which is memory, and in the file tier,
// which all engines share. It promotes what it finds from the file tier to memory and loads
// it to the GPU. It computes the rest, stores it to memory and cascades it to the file tier.
// The GPU is simulated, but the copies are real. Every chunk has a checksum, which is
// checked at every read. Damaged chunks are counted and never served, and then the exit
// status is 1. If the disk is full, failed writes are counted and the cache works without
// it.
//
//	go run ./examples/tieredcache
//	curl http://127.0.0.1:9464/metrics
//
// At http://127.0.0.1:9464/ a live page draws the same metrics and explains them. After
// each interval, the program prints a summary of it, as vLLM's logger does:
//
//	KV Transfer metrics: vllm:kv_offload_load_bytes=165216256, ...
//
// It runs until it is interrupted, and then finishes the requests in progress. The exit
// status is 0, 1 for an error, or 2 for a usage error. -h lists the flags.
//
// # Where to look
//
//   - metrics.go sets up otelkv: the catalogue, the trackers of an engine, and the
//     recording of their payloads in each step.
//   - lookup.go and serve.go process a request, and call the trackers.
//   - engine.go is the scheduler's loop. primary.go, files.go and gpu.go are the tiers.
//     workload.go generates the requests.
//   - main.go starts everything. OTEL_METRICS_EXPORTER chooses the exporters.
//   - page.go, page.html, page.css and page.js are the live page.
package main
