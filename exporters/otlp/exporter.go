package otlp

import (
	"context"
	"fmt"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/internal/relay"
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
	return newExporter(ctx, c)
}

func newExporter(ctx context.Context, c config) (sdkmetric.Exporter, error) {
	var exporter sdkmetric.Exporter
	var err error
	switch c.protocol {
	case ProtocolHTTPProtobuf:
		exporter, err = otlpmetrichttp.New(ctx, c.http...)
	default:
		exporter, err = otlpmetricgrpc.New(ctx, c.grpc...)
	}
	if err != nil {
		return nil, fmt.Errorf("otelkv: OTLP exporter over %s: %w", c.protocol, err)
	}
	if c.catalogue != nil {
		exporter = &catalogueNames{Exporter: exporter, catalogue: c.catalogue}
	}
	return exporter, nil
}

// NewReader returns a reader that exports what it reads over OTLP at an
// interval, OTEL_METRIC_EXPORT_INTERVAL (60 seconds by default), and when it is
// flushed or shut down. It exports what was collected even where a callback of
// the provider returned an error; the error goes to the error handler of package
// otel.
//
// The reader owns a goroutine, which Shutdown ends. The errors are those of
// [New].
func NewReader(ctx context.Context, opts ...Option) (sdkmetric.Reader, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	exporter, err := newExporter(ctx, c)
	if err != nil {
		return nil, err
	}
	var producers []sdkmetric.Producer
	for _, newProducer := range c.producers {
		producers = append(producers, newProducer(exporter.Temporality))
	}
	for _, gatherer := range c.gatherers {
		producers = append(producers, bridge.NewMetricProducer(bridge.WithGatherer(gatherer)))
	}
	return relay.NewPeriodic(exporter, producers, c.reader...), nil
}
