// SPDX-License-Identifier: Apache-2.0

// Package prometheus shows a recorder's metrics to Prometheus under exactly the names
// of its catalogue.
//
// OpenTelemetry instrument names cannot contain the colon of vLLM's metric names, and
// the standard translation to Prometheus adds units and takes the word "total" out of
// names, so that vllm:kv_offload_total_bytes_total could never appear. The [Collector]
// of this package knows the recorder's definitions, and needs no translation.
//
// There are three ways to be scraped: register the collector with a registry that is
// served already, mount the handler of [NewHandler] in a server of the service's own,
// or call [StartServer] in a process that serves nothing else. The server listens on
// loopback by default, limits what one client can hold, and can ask for a client
// certificate or a bearer token.
//
// The collector is cumulative, and prints no _created series in text, no scope labels
// and no target_info. A scrape costs one collection; between scrapes it costs nothing.
package prometheus
