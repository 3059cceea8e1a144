// SPDX-License-Identifier: Apache-2.0

// Command tieredcache is a KV-block cache in two tiers, under load, measured by
// otelkv.
//
// It does what the offloading layer of an inference server does, in small and
// with real bytes. Several engines serve requests whose prompts share prefixes.
// An engine looks the chunks of a prompt up in its primary tier, which is memory,
// and in the file tier, which all engines share. What it finds is promoted from
// file to memory and loaded to the GPU; the rest is computed, stored to memory and
// cascaded to file. The GPU is simulated, the copies are not. Every chunk has a
// checksum, which is checked whenever it is read: damage is counted and never
// served, and makes the program end with exit status 1. A disk that is full is
// counted too, and the cache goes on without it.
//
//	go run ./examples/tieredcache
//	curl http://127.0.0.1:9464/metrics
//
// At http://127.0.0.1:9464/ a live page draws the same metrics and explains them.
// Every interval the program prints what happened in it, reduced as vLLM's logger
// does:
//
//	KV Transfer metrics: vllm:kv_offload_load_bytes=165216256, ...
//
// It runs until it is interrupted, and then finishes what it has begun. The exit
// status is 0, or 1 after an error, or 2 after a usage error; -h lists the flags.
//
// # Where to look
//
//   - metrics.go is everything that has to do with otelkv: the catalogue, the
//     trackers of an engine, and what happens to their payloads once a step.
//   - lookup.go and serve.go are the way of a request, and call the trackers.
//   - engine.go is the scheduler's loop; primary.go, files.go and gpu.go are the
//     tiers; workload.go makes the requests.
//   - main.go puts it together, with exporters chosen by OTEL_METRICS_EXPORTER;
//     page.go, page.html, page.css and page.js are the live page, beside the
//     scrape endpoint.
package main
