// Package exporters gets metrics out of the process. A [Pipeline] is a
// MeterProvider with one or several exporters, chosen by name, that are started
// and stopped together:
//
//	pipeline, err := exporters.New(ctx, vllm.TieringSpec(), exporters.WithDefaultExporters("prometheus"))
//	if err != nil {
//		return err
//	}
//	defer pipeline.Shutdown(ctx)
//
// The operator chooses with the standard environment variables:
//
//	OTEL_METRICS_EXPORTER            prometheus, otlp, console or none; several by comma
//	OTEL_SDK_DISABLED                true: none of them
//	OTEL_EXPORTER_PROMETHEUS_HOST    where scrapes are served (127.0.0.1)
//	OTEL_EXPORTER_PROMETHEUS_PORT    and the port (9464)
//	OTEL_EXPORTER_OTLP_...           see package otlp
//	OTEL_METRIC_EXPORT_INTERVAL      between two pushes, in milliseconds (60000)
//	OTEL_METRIC_EXPORT_TIMEOUT       for one push, in milliseconds (30000)
//
// Further exporters are added to a [Registry].
//
// A service that has a MeterProvider does not need a pipeline. The packages
// prometheus, otlp and console below this one each give a reader for it. What
// the pipeline adds for recorders of this module is that their series reach the
// exporters already aggregated, past the SDK's instruments: recording is
// cheaper, histograms can exist at zero, and a callback of the host that fails
// or panics takes nothing of theirs with it.
//
// Views are the SDK's and hold for instruments; see [WithViews].
package exporters
