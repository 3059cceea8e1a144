package otlp

import (
	"errors"
	"fmt"
	"slices"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/schema"
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

// An Option changes what [New] and [NewReader] return.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	protocol  Protocol
	grpc      []otlpmetricgrpc.Option
	http      []otlpmetrichttp.Option
	catalogue *schema.Catalogue
	reader    []sdkmetric.PeriodicReaderOption
	producers []func(sdkmetric.TemporalitySelector) sdkmetric.Producer
	gatherers []promclient.Gatherer
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
	if endpoint := endpointURL(c.protocol); endpoint != "" {
		// The program's own options come later and so before the environment.
		c.grpc = slices.Insert(c.grpc, 0, otlpmetricgrpc.WithEndpointURL(endpoint))
		c.http = slices.Insert(c.http, 0, otlpmetrichttp.WithEndpointURL(endpoint))
	}
	return c, nil
}

// WithProtocol sets the protocol. Without it the protocol is that of
// OTEL_EXPORTER_OTLP_METRICS_PROTOCOL, else OTEL_EXPORTER_OTLP_PROTOCOL, else
// grpc.
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

// WithCatalogueNames sends the metrics of the catalogue under their Prometheus
// family names and without units, in place of their OpenTelemetry names. A
// Prometheus server or a Collector then shows the exact names, if its
// translation strategy is NoUTF8EscapingWithSuffixes; their default strategy
// changes some of vLLM's names.
func WithCatalogueNames(catalogue *schema.Catalogue) Option {
	return optionFunc(func(c *config) { c.catalogue = catalogue })
}

// WithReaderOptions passes options to the periodic reader of [NewReader], such
// as sdkmetric.WithInterval. They come before OTEL_METRIC_EXPORT_INTERVAL and
// OTEL_METRIC_EXPORT_TIMEOUT. [New] has no use for them.
func WithReaderOptions(opts ...sdkmetric.PeriodicReaderOption) Option {
	return optionFunc(func(c *config) { c.reader = append(c.reader, opts...) })
}

// WithProducer adds the metrics of a producer to what [NewReader] exports.
// newProducer is called once, with the temporality that the exporter prefers.
// What is produced belongs to the exporter, which may change it. [New] has no use
// for it.
func WithProducer(newProducer func(sdkmetric.TemporalitySelector) sdkmetric.Producer) Option {
	return optionFunc(func(c *config) { c.producers = append(c.producers, newProducer) })
}

// WithPrometheusBridge adds the metrics of a Prometheus registry to what
// [NewReader] exports, through go.opentelemetry.io/contrib/bridges/prometheus.
// They are always cumulative. Where a Prometheus exporter of this module is
// registered in the same registry, its WithoutExported keeps metrics from being
// sent twice. [New] has no use for it.
func WithPrometheusBridge(gatherer promclient.Gatherer) Option {
	return optionFunc(func(c *config) { c.gatherers = append(c.gatherers, gatherer) })
}
