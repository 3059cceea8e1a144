// SPDX-License-Identifier: Apache-2.0

package load

import "testing"

// OverGRPC makes pipelines that start later in the test send to an address over gRPC.
func OverGRPC(t testing.TB, address string) { over(t, "grpc", "http://"+address) }

// OverHTTP makes pipelines that start later in the test send to a URL over HTTP.
func OverHTTP(t testing.TB, url string) { over(t, "http/protobuf", url) }

func over(t testing.TB, protocol, endpoint string) {
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", protocol)
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", endpoint)
}

// WithTemporality makes pipelines that start later in the test send with the temporality:
// "cumulative" or "delta".
func WithTemporality(t testing.TB, preference string) {
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)
}

// WhenFlushed makes pipelines that start later in the test export only when they are
// flushed or shut down.
func WhenFlushed(t testing.TB) { t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000") }
