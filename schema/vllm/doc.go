// SPDX-License-Identifier: Apache-2.0

// Package vllm holds the metrics of vLLM's KV-cache offloading as definitions:
// the names, kinds, labels and histogram boundaries that vLLM's dashboards and
// the programs that scrape it depend on, one literal a metric.
//
// The metrics are grouped as vLLM declares them, in the build_metric_definitions of
// its specifications and in its connectors. Most programs take a whole
// catalogue: [CPUSpec], [TieringSpec], [SimpleCPUSpec] or [SimpleCPUPoolSpec],
// after the offloading specification or connector that they stand for. To add
// metrics of your own, or groups that no catalogue has, use
// [schema.Catalogue.With] and [schema.Catalogue.Merge]. Those groups are [Retired],
// the names that vLLM dropped, [Unmerged], those that only its pull requests have,
// and [Scheduler] and [ExternalPrefixCache], which are not about offloading but are
// what routers and dashboards read beside it.
//
// Load is the way from an offload tier to the GPU, store the way back.
// Promotion is the way from a secondary tier to the primary one, cascade the
// way back. A tier label reads "<index>:<type>", with "0:primary" for the
// primary tier.
//
// Bytes and counts are int64. Seconds and fractions are float64, and a name in
// "_perc" is a fraction from 0 to 1, not a percentage.
//
// Stable are the metrics that published dashboards query. vLLM calls its
// tiering interface unstable and has renamed metrics of it, so those are marked
// as in development.
package vllm
