// SPDX-License-Identifier: Apache-2.0

// Package exporters exports recorders: a [Pipeline] starts exporters, which the program or
// the operator chooses by name, and stops them together.
//
//	recorder, err := otelkv.New(vllm.TieringSpec())
//	...
//	pipeline, err := exporters.Start(ctx, recorder, exporters.WithDefaultExporters("prometheus"))
//	if err != nil {
//		return err
//	}
//	defer pipeline.Shutdown(context.WithoutCancel(ctx))
//
// The operator sets the standard environment variables:
//
//	OTEL_METRICS_EXPORTER            prometheus, otlp, console or none; separated by commas
//	OTEL_SDK_DISABLED                true: none, whatever OTEL_METRICS_EXPORTER says
//	OTEL_METRICS_PRODUCERS           prometheus: also export client_golang's default registry
//	OTEL_EXPORTER_PROMETHEUS_HOST    host of the scrape server (127.0.0.1)
//	OTEL_EXPORTER_PROMETHEUS_PORT    its port (9464)
//	OTEL_METRIC_EXPORT_INTERVAL      interval of pushes, in milliseconds (60000)
//	OTEL_METRIC_EXPORT_TIMEOUT       limit of one push, in milliseconds (30000)
//
// and for the exporter otlp the variables below. Each also exists with METRICS after OTLP,
// such as OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, which has priority:
//
//	OTEL_EXPORTER_OTLP_PROTOCOL                         http/protobuf (default) or grpc
//	OTEL_EXPORTER_OTLP_ENDPOINT                         http://host:port, https://host:port; host:port over gRPC
//	OTEL_EXPORTER_OTLP_HEADERS                          key=value,...; never printed
//	OTEL_EXPORTER_OTLP_TIMEOUT                          limit of one request, in milliseconds
//	OTEL_EXPORTER_OTLP_COMPRESSION                      gzip or none
//	OTEL_EXPORTER_OTLP_INSECURE                         true: no TLS to an endpoint without a scheme
//	OTEL_EXPORTER_OTLP_CERTIFICATE                      file with the trusted authorities
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, ..._KEY      files for mutual TLS
//	OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE   cumulative (default), delta or lowmemory
//	OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION   base2_exponential_bucket_histogram: exponential buckets
//
// The connection is secure unless the endpoint begins with http://. The default endpoint
// is https://localhost:4318 over HTTP and https://localhost:4317 over gRPC. An endpoint,
// headers or certificates that cannot be used are an error of [Start].
//
// Recording never waits for a collector, even if it is down, slow or refuses exports. With
// cumulative temporality nothing is lost either: the next export that succeeds carries all
// totals. With delta temporality the changes of an interval are lost if its export fails
// for good.
//
// A service with a MeterProvider or a Prometheus registry of its own does not need a
// pipeline: it gives its readers a producer of the recorder ([otelkv.Recorder.Producer]),
// or its registry a collector of package exporters/prometheus. A pipeline adds the wiring
// and the variables above, and keeps faults in the host's metrics away from those of the
// recorders.
package exporters
