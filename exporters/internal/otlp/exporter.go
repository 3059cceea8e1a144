// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// New returns an exporter that sends metrics over OTLP. Whatever no option sets,
// the standard environment variables do. It does not connect: a collector that
// is down is found out, and retried, by each export.
//
// The error says that the protocol is unknown or that the configuration cannot
// be used. It never contains a header's value.
func New(ctx context.Context, opts ...Option) (sdkmetric.Exporter, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	var exporter sdkmetric.Exporter
	switch c.protocol {
	case ProtocolHTTPProtobuf:
		exporter, err = otlpmetrichttp.New(ctx, slices.Insert(c.http, 0, otlpmetrichttp.WithProxy(proxyOf))...)
	default:
		exporter, err = otlpmetricgrpc.New(ctx, c.grpc...)
	}
	if err != nil {
		return nil, fmt.Errorf("otelkv: OTLP exporter over %s: %w", c.protocol, err)
	}
	return exporter, nil
}
