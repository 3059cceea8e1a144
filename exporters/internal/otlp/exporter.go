// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// The protocols, as OTEL_EXPORTER_OTLP_PROTOCOL names them.
const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

// New returns an exporter that sends metrics over OTLP, as the standard environment
// variables say. It does not connect: an export finds out that the collector is down, and
// retries.
//
// The error says that the protocol is unknown or that the configuration cannot be used.
// It never contains a header's value.
func New(ctx context.Context, retry otlpmetrichttp.RetryConfig) (sdkmetric.Exporter, error) {
	protocol, variable := lookup("PROTOCOL")
	switch protocol {
	case "":
		protocol = protocolHTTP
	case protocolGRPC, protocolHTTP:
	default:
		return nil, fmt.Errorf("otelkv: OTLP protocol %q of %s: expected grpc or http/protobuf", protocol, variable)
	}
	endpoint, err := checkEnvironment(protocol)
	if err != nil {
		return nil, err
	}
	var exporter sdkmetric.Exporter
	if protocol == protocolGRPC {
		options := []otlpmetricgrpc.Option{otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(retry))}
		if endpoint != "" {
			options = append(options, otlpmetricgrpc.WithEndpointURL(endpoint))
		}
		exporter, err = otlpmetricgrpc.New(ctx, options...)
	} else {
		options := []otlpmetrichttp.Option{otlpmetrichttp.WithRetry(retry), otlpmetrichttp.WithProxy(proxyOf)}
		if endpoint != "" {
			options = append(options, otlpmetrichttp.WithEndpointURL(endpoint))
		}
		exporter, err = otlpmetrichttp.New(ctx, options...)
	}
	if err != nil {
		return nil, fmt.Errorf("otelkv: OTLP exporter over %s: %w", protocol, err)
	}
	return exporter, nil
}

// RetriesWithinInterval returns the upstream exporters' retries, limited to the interval
// of OTEL_METRIC_EXPORT_INTERVAL. An export whose collector asks for a longer pause
// (Retry-After, or RetryInfo of gRPC) fails at once. The next export carries the same
// totals.
func RetriesWithinInterval() otlpmetrichttp.RetryConfig {
	interval := time.Minute // the SDK's default
	if ms, err := strconv.Atoi(os.Getenv("OTEL_METRIC_EXPORT_INTERVAL")); err == nil && ms > 0 && ms < 60_000 {
		interval = time.Duration(ms) * time.Millisecond
	}
	return otlpmetrichttp.RetryConfig{
		Enabled:         true,
		InitialInterval: min(5*time.Second, interval),
		MaxInterval:     min(30*time.Second, interval),
		MaxElapsedTime:  min(time.Minute, interval),
	}
}
