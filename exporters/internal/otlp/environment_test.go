// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/exporters/internal/otlp"
	"github.com/otelkv/otelkv-go/internal/testcert"
)

// TestEndpoint tests that every form of an endpoint reaches the collector. SERVER stands
// for its host and port.
func TestEndpoint(t *testing.T) {
	const nowhere = "http://127.0.0.1:1"
	tests := []struct {
		name             string
		protocol         string
		general, metrics string
		insecure         string
	}{
		{name: "URL", protocol: "grpc", general: "http://SERVER"},
		{name: "URL in upper case", protocol: "grpc", general: "HTTP://SERVER"},
		{name: "URL and space", protocol: "grpc", general: " http://SERVER "},
		{name: "URL of metrics first", protocol: "grpc", general: nowhere, metrics: "http://SERVER"},
		{name: "URL before INSECURE", protocol: "grpc", general: "http://SERVER", insecure: "false"},
		{name: "address", protocol: "grpc", general: "SERVER", insecure: "true"},
		{name: "address of metrics first", protocol: "grpc", general: nowhere, metrics: "SERVER", insecure: "TRUE"},
		{name: "general address, URL of metrics first", protocol: "grpc", general: "127.0.0.1:1", metrics: "http://SERVER"},
		{name: "target of the client", protocol: "grpc", general: "passthrough:///SERVER", insecure: "true"},
		{name: "HTTP, URL", protocol: "http/protobuf", general: "http://SERVER"},
		{name: "HTTP, URL before INSECURE", protocol: "http/protobuf", general: "http://SERVER", insecure: "false"},
		{name: "HTTP, URL with a slash", protocol: "http/protobuf", general: "http://SERVER/"},
		{name: "HTTP, URL of metrics as it is", protocol: "http/protobuf", general: nowhere, metrics: "http://SERVER/v1/metrics"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			collector := servers[test.protocol](t, nil)
			server := strings.NewReplacer("SERVER", strings.TrimPrefix(collector.Endpoint(), "http://"))
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.Replace(test.general))
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", server.Replace(test.metrics))
			t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", test.insecure)
			exporter, err := otlp.New(t.Context(), quick)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exporter.Shutdown(context.Background()) }()
			if err := exporter.Export(t.Context(), &metricdata.ResourceMetrics{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEndpointIsSecure tests that an endpoint without a scheme means TLS, even if the
// general endpoint has none, and that https:// always does.
func TestEndpointIsSecure(t *testing.T) {
	authority := testcert.NewAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, time.Now().Add(time.Hour))}}
	for _, test := range []struct {
		name             string
		protocol         string
		metrics, general string
		insecure         string
	}{
		{name: "address", protocol: "grpc", metrics: "SERVER", general: "http://127.0.0.1:1"},
		{name: "URL", protocol: "grpc", general: "https://SERVER", insecure: "true"},
		{name: "HTTP, URL", protocol: "http/protobuf", general: "https://SERVER", insecure: "true"},
		{name: "HTTP, URL of metrics", protocol: "http/protobuf", metrics: "https://SERVER/v1/metrics", insecure: "true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			collector := servers[test.protocol](t, config)
			server := strings.NewReplacer("SERVER", strings.TrimPrefix(collector.Endpoint(), "https://"))
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.Replace(test.general))
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", server.Replace(test.metrics))
			t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", test.insecure)
			t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.File(t))
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
			exporter, err := otlp.New(t.Context(), quick)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exporter.Shutdown(context.Background()) }()
			if err := exporter.Export(t.Context(), &metricdata.ResourceMetrics{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNothingIsSentInTheClear tests that OTEL_EXPORTER_OTLP_INSECURE, which is for
// endpoints without a scheme, does not change https to http.
func TestNothingIsSentInTheClear(t *testing.T) {
	for protocol, serve := range servers {
		t.Run(protocol, func(t *testing.T) {
			collector := serve(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", strings.Replace(collector.Endpoint(), "http://", "https://", 1))
			t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "50")
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			exporter, err := otlp.New(t.Context(), quick)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exporter.Shutdown(context.Background()) }()
			if err := exporter.Export(t.Context(), &metricdata.ResourceMetrics{}); err == nil || collector.Attempts() > 0 {
				t.Errorf("%d requests came without TLS, and the export returned %v", collector.Attempts(), err)
			}
		})
	}
}

// TestEnvironmentIsRefused tests that a value that cannot be used is an error at the
// start. An exporter that ignored it would send elsewhere, or without its certificate.
func TestEnvironmentIsRefused(t *testing.T) {
	const endpoint, general = "expected http://host:port or https://host:port", "OTEL_EXPORTER_OTLP_"
	missing := filepath.Join(t.TempDir(), "missing.pem")
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, key := testcert.Files(t, testcert.NewAuthority(t).Issue(t, time.Now().Add(time.Hour)))
	_, otherKey := testcert.Files(t, testcert.NewAuthority(t).Issue(t, time.Now().Add(time.Hour)))
	tests := []struct {
		name        string
		protocol    string
		environment map[string]string
		want        []string
	}{
		{"scheme of gRPC that there is not", "grpc", map[string]string{"ENDPOINT": "grpc://collector:4317"}, []string{general + "ENDPOINT", endpoint}},
		{"no host", "grpc", map[string]string{"ENDPOINT": "http://"}, []string{general + "ENDPOINT", endpoint}},
		{"no URL", "grpc", map[string]string{"METRICS_ENDPOINT": "http://h:x"}, []string{general + "METRICS_ENDPOINT", endpoint}},
		{"user", "grpc", map[string]string{"ENDPOINT": "https://user@h:1"}, []string{general + "ENDPOINT has a user", general + "HEADERS"}},
		{"HTTP to an address", "http/protobuf", map[string]string{"ENDPOINT": "localhost:4318"}, []string{general + "ENDPOINT", endpoint}},
		{"HTTP to a numeric address", "http/protobuf", map[string]string{"ENDPOINT": "127.0.0.1:4318"}, []string{general + "ENDPOINT", endpoint}},
		{"HTTP to a target of gRPC", "http/protobuf", map[string]string{"ENDPOINT": "dns:///h:1"}, []string{general + "ENDPOINT", endpoint}},
		{"query", "http/protobuf", map[string]string{"METRICS_ENDPOINT": "https://h:1/v1/metrics?key=x"}, []string{general + "METRICS_ENDPOINT has a query"}},
		{"fragment", "grpc", map[string]string{"ENDPOINT": "https://h:1#x"}, []string{general + "ENDPOINT has a query or a fragment"}},
		{"header that gRPC cannot name", "grpc", map[string]string{"HEADERS": "fine=x,a!b=c"}, []string{"entry 2 of " + general + "HEADERS", "gRPC cannot send the key"}},
		{"header that gRPC cannot send", "grpc", map[string]string{"METRICS_HEADERS": "user=%C3%A9"}, []string{general + "METRICS_HEADERS", "not ASCII"}},
		{"authorities missing", "grpc", map[string]string{"CERTIFICATE": missing}, []string{general + "CERTIFICATE", missing}},
		{"authorities that are none", "http/protobuf", map[string]string{"METRICS_CERTIFICATE": garbage}, []string{general + "METRICS_CERTIFICATE", "has no certificate"}},
		{"certificate without a key", "grpc", map[string]string{"CLIENT_CERTIFICATE": certificate}, []string{"both or neither", general + "CLIENT_KEY"}},
		{"key without a certificate", "grpc", map[string]string{"METRICS_CLIENT_KEY": key}, []string{"both or neither", general + "METRICS_CLIENT_CERTIFICATE"}},
		{"key of another certificate", "grpc", map[string]string{"CLIENT_CERTIFICATE": certificate, "CLIENT_KEY": otherKey}, []string{general + "CLIENT_CERTIFICATE", "does not match"}},
		{"all that is wrong", "grpc", map[string]string{"ENDPOINT": "http://", "METRICS_HEADERS": "x", "CERTIFICATE": missing, "CLIENT_KEY": key},
			[]string{"ENDPOINT is no endpoint", "METRICS_HEADERS", "CERTIFICATE: ", "both or neither"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.environment {
				t.Setenv(general+name, value)
			}
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.protocol)
			_, err := otlp.New(t.Context(), quick)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want it to say %s", err, want)
				}
			}
		})
	}
}

func TestCompression(t *testing.T) {
	for _, test := range []struct{ name, general, metrics, want string }{
		{"default", "", "", ""},
		{"general", "gzip", "", "gzip"},
		{"metrics first", "gzip", "none", ""},
		{"metrics alone", "", "gzip", "gzip"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", test.general)
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", test.metrics)
			protocols(t, func(t *testing.T, collector *collectortest.Collector) {
				_, provider := newReader(t, quick)
				measure(t, provider)
				if err := provider.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := collector.Compression(); got != test.want {
					t.Errorf("compressed by %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestTimeout tests that a request ends at its timeout. Nothing else would end it.
func TestTimeout(t *testing.T) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "50")
			protocols(t, func(t *testing.T, collector *collectortest.Collector) {
				collector.Hold()
				_, provider := newReader(t, otlpmetrichttp.RetryConfig{})
				measure(t, provider)
				if err := provider.ForceFlush(t.Context()); err == nil {
					t.Error("an export that was never answered succeeded")
				}
			})
		})
	}
}
