// Package prometheus shows metrics to Prometheus under exactly the names of a
// catalogue.
//
// OpenTelemetry instrument names cannot contain the colon of vLLM's metric
// names, and the standard translation to Prometheus adds units and takes the
// word "total" out of names, so that vllm:kv_offload_total_bytes_total could
// never appear. The [Exporter] of this package reads a MeterProvider, gives the
// catalogue's metrics the names that the catalogue has for them, and leaves the
// rest to OpenTelemetry's own Prometheus exporter. Other exporters of the same
// MeterProvider see nothing of this.
//
// Metrics that are not in the catalogue, the service's own, have the names that
// the standard translation gives them, and the labels otel_scope_name,
// otel_scope_version and otel_scope_schema_url. One that would clash with a
// metric of the catalogue, or would make the scrape invalid, is left out and
// reported to the error handler of package otel as [ErrNotExported].
//
// There are three ways to be scraped: [Exporter.Handler] in a server of the
// service's own, [WithRegisterer] to join a registry that is served already, and
// [StartServer] for a process that serves nothing else. The server listens on
// loopback unless told otherwise, bounds what one client can hold, and can ask
// for a client certificate or a bearer token.
//
// The exporter is cumulative, prints no _created series, no scope labels for the
// catalogue's metrics, and target_info only with [WithTargetInfo]. A scrape
// costs one collection; between scrapes it costs nothing.
package prometheus
