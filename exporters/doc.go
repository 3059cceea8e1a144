// SPDX-License-Identifier: Apache-2.0

// Package exporters gets metrics out of the process. A [Pipeline] exports one or
// several recorders through exporters that are chosen by name, started and stopped
// together:
//
//	recorder, err := otelkv.New(vllm.TieringSpec())
//	...
//	pipeline, err := exporters.Start(ctx, recorder, exporters.WithDefaultExporters("prometheus"))
//	if err != nil {
//		return err
//	}
//	defer pipeline.Shutdown(ctx)
//
// The operator chooses with the standard environment variables:
//
//	OTEL_METRICS_EXPORTER            prometheus, otlp, console or none; several by comma
//	OTEL_SDK_DISABLED                true: none of them
//	OTEL_METRICS_PRODUCERS           prometheus: also export client_golang's default registry
//	OTEL_EXPORTER_PROMETHEUS_HOST    where scrapes are served (127.0.0.1)
//	OTEL_EXPORTER_PROMETHEUS_PORT    and the port (9464)
//	OTEL_METRIC_EXPORT_INTERVAL      between two pushes, in milliseconds (60000)
//	OTEL_METRIC_EXPORT_TIMEOUT       for one push, in milliseconds (30000)
//
// and for OTLP, each also with METRICS after OTLP
// (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and so on), which comes first:
//
//	OTEL_EXPORTER_OTLP_PROTOCOL                         http/protobuf (default) or grpc
//	OTEL_EXPORTER_OTLP_ENDPOINT                         http://host:port, https://host:port; host:port over gRPC
//	OTEL_EXPORTER_OTLP_HEADERS                          key=value,...; never printed
//	OTEL_EXPORTER_OTLP_TIMEOUT                          for one request, in milliseconds
//	OTEL_EXPORTER_OTLP_COMPRESSION                      gzip or none
//	OTEL_EXPORTER_OTLP_INSECURE                         true: no TLS to an endpoint without a scheme
//	OTEL_EXPORTER_OTLP_CERTIFICATE                      file of the authorities to trust
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, ..._KEY      files for mutual TLS
//	OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE   cumulative (default), delta or lowmemory
//	OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION   of the host's histograms
//
// Without an endpoint, and without http:// before it, the connection is secure: the
// default is https://localhost:4318 over HTTP and https://localhost:4317 over gRPC.
// What cannot be used of an endpoint, headers or certificates is an error of [Start].
//
// A collector that is down, slow or refusing delays nothing that is recorded. With
// cumulative temporality nothing is lost either: the first export that succeeds
// carries all. With delta temporality an interval whose export failed for good is
// gone.
//
// A service that has a MeterProvider or a Prometheus registry of its own does not
// need a pipeline: it gives its readers a producer of the recorder
// ([otelkv.Recorder.Producer]), or its registry the collector of package prometheus
// below this one. What the pipeline adds is wiring, the variables above, and that
// nothing which goes wrong with metrics of the host costs one of a recorder's.
package exporters
