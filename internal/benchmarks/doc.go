// SPDX-License-Identifier: Apache-2.0

// Package benchmarks compares otelkv with the libraries that its users would otherwise
// choose, in one run, on the same series.
//
// Every benchmark has sub-benchmarks impl=NAME, and below them serial (one
// goroutine) and parallel (one goroutine a processor, all on the same series):
//
//	otelkv                a recorder; collected by a producer, scraped by a handler, pushed by a pipeline
//	otelkv_registry       the collector in a registry of client_golang
//	otelkv_instruments    a recorder whose metrics are instruments of a MeterProvider of the SDK
//	otel_cached           the OpenTelemetry SDK with an option slice prepared for each series, or with
//	                      observable instruments, and its stock Prometheus exporter
//	otel_naive            the OpenTelemetry SDK with attributes given in each call
//	client_golang         Prometheus's library with bound children
//	client_golang_labels  the same with WithLabelValues in each call
//	victoriametrics       VictoriaMetrics/metrics with bound metrics
//	library               the MessagePack library's decoder into map[string]any
//
// All series have the labels model_name, engine and tier, and all histograms the
// ten boundaries of vLLM's transfer sizes. The package is a module of its own, so
// users of otelkv do not depend on these libraries. `make bench-table` measures and writes
// the tables of docs/performance.md.
package benchmarks
