// SPDX-License-Identifier: Apache-2.0

// Package schema describes offload metrics: what each one is called, what it
// measures, and which labels tell its series apart.
//
// A [Definition] is a value. It is written as one of five typed forms,
// [Int64Counter], [Float64Counter], [Int64Gauge], [Float64Gauge] and
// [Histogram], so that code which binds a counter to a gauge's definition does
// not compile. A [Catalogue] is an ordered set of definitions that passed every
// rule of [NewCatalogue]; vLLM's own are in package schema/vllm.
//
// A definition holds two names, and nothing in this module derives one from the
// other: the OpenTelemetry instrument name, which leaves the process over OTLP,
// and the Prometheus family name, which a scrape shows and which payloads use
// as their key.
//
// The package imports the standard library only. Programs that read metrics,
// such as routers and autoscalers, can use it without an OpenTelemetry or
// Prometheus dependency.
package schema
