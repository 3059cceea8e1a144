// SPDX-License-Identifier: Apache-2.0

// Package vllm defines the metrics of vLLM's KV-cache offloading, one literal for each:
// the names, kinds, labels and histogram boundaries on which vLLM's dashboards and the
// programs that scrape vLLM depend.
//
// The metrics are in groups, as vLLM declares them in the build_metric_definitions of its
// specifications and in its connectors. Most programs use a whole catalogue: [CPUSpec],
// [TieringSpec], [SimpleCPUSpec] or [SimpleCPUPoolSpec], which are named after vLLM's
// offloading specification or connector. To add your own metrics, or groups that are in no
// catalogue, use [schema.Catalogue.With] and [schema.Catalogue.Merge]. Those groups are
// [Retired], the names that vLLM dropped, [Unmerged], the names that only pull requests
// have, and [Scheduler] and [ExternalPrefixCache], which are not offloading metrics, but
// which routers and dashboards read too.
//
// A load goes from an offload tier to the GPU, a store from the GPU to an offload tier. A
// promotion goes from a secondary tier to the primary one, a cascade from the primary to a
// secondary one. A tier label is "<index>:<type>", with "0:primary" for the primary tier.
//
// Bytes and counts are int64. Seconds and fractions are float64. A metric whose name ends
// in "_perc" is a fraction from 0 to 1, not a percentage.
//
// Metrics that published dashboards query are stable. vLLM calls its tiering interface
// unstable and has renamed metrics of it, so these are in development.
package vllm
