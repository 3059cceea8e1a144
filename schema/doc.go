// SPDX-License-Identifier: Apache-2.0

// Package schema defines offload metrics: their names, what they measure, and the labels
// of their series.
//
// A [Definition] is a value. It is written as one of five typed forms, [Int64Counter],
// [Float64Counter], [Int64Gauge], [Float64Gauge] and [Histogram]. Code that binds a
// counter with the definition of a gauge does not compile. A [Catalogue] is an ordered
// set of definitions that satisfy every rule of [NewCatalogue]. vLLM's definitions are
// in package schema/vllm.
//
// A definition has two names, and this module does not derive one from the other: the
// OpenTelemetry instrument name, which OTLP carries, and the Prometheus family name,
// which a scrape shows and which is the key in payloads.
//
// The package imports only the standard library. Programs that read metrics, such as
// routers and autoscalers, can use it without depending on OpenTelemetry or Prometheus.
package schema
