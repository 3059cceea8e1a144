// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
)

// A Protocol is a transport of OTLP, in the words of
// OTEL_EXPORTER_OTLP_PROTOCOL.
type Protocol string

// The protocols.
const (
	ProtocolGRPC         Protocol = "grpc"
	ProtocolHTTPProtobuf Protocol = "http/protobuf"
)

// ErrProtocol says that a protocol is none of those that this package speaks.
var ErrProtocol = errors.New("expected grpc or http/protobuf")

// An Option changes what [New] returns.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	protocol Protocol
	grpc     []otlpmetricgrpc.Option
	http     []otlpmetrichttp.Option
	retries  time.Duration
}

func newConfig(opts []Option) (config, error) {
	var c config
	for _, opt := range opts {
		opt.apply(&c)
	}
	source := "WithProtocol"
	if c.protocol == "" {
		c.protocol, source = protocolFromEnvironment()
	}
	if c.protocol == "" {
		c.protocol, source = ProtocolHTTPProtobuf, "default"
		if len(c.grpc) > 0 && len(c.http) == 0 {
			c.protocol = ProtocolGRPC
		}
	}
	switch {
	case c.protocol != ProtocolGRPC && c.protocol != ProtocolHTTPProtobuf:
		return c, fmt.Errorf("otelkv: OTLP protocol %q of %s: %w", c.protocol, source, ErrProtocol)
	case c.protocol == ProtocolGRPC && len(c.http) > 0 && len(c.grpc) == 0:
		return c, fmt.Errorf("otelkv: OTLP protocol is grpc by %s, and only options for http/protobuf are given", source)
	case c.protocol == ProtocolHTTPProtobuf && len(c.grpc) > 0 && len(c.http) == 0:
		return c, fmt.Errorf("otelkv: OTLP protocol is http/protobuf by %s, and only options for grpc are given", source)
	}
	if err := checkEnvironment(c.protocol); err != nil {
		return c, err
	}
	c.limitRetries()
	if endpoint := endpointURL(c.protocol); endpoint != "" {
		// The program's own options come later and so before the environment.
		c.grpc = slices.Insert(c.grpc, 0, otlpmetricgrpc.WithEndpointURL(endpoint))
		c.http = slices.Insert(c.http, 0, otlpmetrichttp.WithEndpointURL(endpoint))
	}
	return c, nil
}

// limitRetries bounds the retries of one export. The program's own options come later and
// so before it.
func (c *config) limitRetries() {
	if c.retries == 0 {
		return
	}
	retry := otlpmetrichttp.RetryConfig{ // as the upstream exporters have it, but for the bound
		Enabled:         true,
		InitialInterval: min(5*time.Second, c.retries),
		MaxInterval:     min(30*time.Second, c.retries),
		MaxElapsedTime:  min(time.Minute, c.retries),
	}
	c.grpc = slices.Insert(c.grpc, 0, otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(retry)))
	c.http = slices.Insert(c.http, 0, otlpmetrichttp.WithRetry(retry))
}

// WithRetriesWithin bounds how long one export is retried. One whose collector asks for a
// longer pause (Retry-After, or RetryInfo of gRPC) fails at once. For the export after it
// is soon enough: it carries the same totals.
func WithRetriesWithin(d time.Duration) Option {
	return optionFunc(func(c *config) { c.retries = d })
}

// WithProtocol sets the protocol. Without it the protocol is that of
// OTEL_EXPORTER_OTLP_METRICS_PROTOCOL, else OTEL_EXPORTER_OTLP_PROTOCOL, else
// grpc where only options for that are given, else http/protobuf.
func WithProtocol(p Protocol) Option {
	return optionFunc(func(c *config) { c.protocol = p })
}

// WithGRPCOptions passes options to the gRPC exporter, such as
// otlpmetricgrpc.WithTLSCredentials. They come before the environment. They
// have no effect with another protocol; a program may give options for both.
func WithGRPCOptions(opts ...otlpmetricgrpc.Option) Option {
	return optionFunc(func(c *config) { c.grpc = append(c.grpc, opts...) })
}

// WithHTTPOptions passes options to the HTTP exporter, such as
// otlpmetrichttp.WithTLSClientConfig. They come before the environment. They
// have no effect with another protocol; a program may give options for both.
func WithHTTPOptions(opts ...otlpmetrichttp.Option) Option {
	return optionFunc(func(c *config) { c.http = append(c.http, opts...) })
}
