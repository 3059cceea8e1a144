// SPDX-License-Identifier: Apache-2.0

// Package prometheus shows a recorder's metrics to Prometheus under exactly the names
// of its catalogue.
//
// OpenTelemetry instrument names cannot contain the colon of vLLM's metric names. The
// standard translation to Prometheus adds units and removes the word "total", so it could
// never show vllm:kv_offload_total_bytes_total. The [Collector] of this package takes the
// names from the recorder's definitions.
//
// There are three ways to be scraped: register the collector with a registry that the
// service already serves, mount the handler of [NewHandler] in a server of the service, or
// call [StartServer] in a process that serves nothing else. The server listens on
// loopback by default, limits what one client can hold, and can ask for a client
// certificate or a bearer token.
//
// The collector is cumulative. It shows no _created series in text, no scope labels and no
// target_info. A scrape costs one collection; between scrapes there is no cost.
package prometheus
