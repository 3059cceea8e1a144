// Package otlp pushes metrics to a collector over OTLP, by gRPC or by HTTP.
//
// Metrics leave under their OpenTelemetry names and with units;
// [WithCatalogueNames] sends Prometheus names instead. The package sets nothing
// that an operator could set. All of these are respected, each also with METRICS
// after OTLP (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and so on), which comes first:
//
//	OTEL_EXPORTER_OTLP_PROTOCOL                         grpc (default) or http/protobuf
//	OTEL_EXPORTER_OTLP_ENDPOINT                         http://host:port, https://host:port; host:port over gRPC
//	OTEL_EXPORTER_OTLP_HEADERS                          key=value,...; never printed
//	OTEL_EXPORTER_OTLP_TIMEOUT                          for one request, in milliseconds
//	OTEL_EXPORTER_OTLP_COMPRESSION                      gzip or none
//	OTEL_EXPORTER_OTLP_INSECURE                         true: no TLS to an endpoint without a scheme
//	OTEL_EXPORTER_OTLP_CERTIFICATE                      file of the authorities to trust
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, ..._KEY      files for mutual TLS
//
// and these without a general form:
//
//	OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE   cumulative (default), delta or lowmemory
//	OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION
//	OTEL_METRIC_EXPORT_INTERVAL, OTEL_METRIC_EXPORT_TIMEOUT
//
// Without an endpoint, and without http:// before it, the connection is secure:
// the default is https://localhost:4317 over gRPC and https://localhost:4318 over
// HTTP. What cannot be used of an endpoint, headers or certificates is an error of
// [New]; other values that make no sense are ignored, most of them with a line in
// OpenTelemetry's log.
//
// With a histogram aggregation other than explicit buckets, a pipeline has recorders
// measure through instruments, which is slower, so that it holds for their
// histograms as well. With explicit buckets they have the catalogue's boundaries.
//
// A collector that is down, slow or refusing delays nothing that is recorded.
// With cumulative temporality nothing is lost either: the first export that
// succeeds carries all. With delta temporality an interval whose export failed
// for good is gone.
package otlp
