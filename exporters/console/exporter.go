package console

import (
	"fmt"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/internal/relay"
)

// An Option changes what [New] and [NewReader] return.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	exporter  []stdoutmetric.Option
	reader    []sdkmetric.PeriodicReaderOption
	producers []func(sdkmetric.TemporalitySelector) sdkmetric.Producer
}

func newConfig(opts []Option) config {
	var c config
	for _, opt := range opts {
		opt.apply(&c)
	}
	return c
}

// WithExporterOptions passes options to the exporter, such as
// stdoutmetric.WithWriter and stdoutmetric.WithPrettyPrint.
func WithExporterOptions(opts ...stdoutmetric.Option) Option {
	return optionFunc(func(c *config) { c.exporter = append(c.exporter, opts...) })
}

// WithReaderOptions passes options to the periodic reader of [NewReader], such
// as sdkmetric.WithInterval. They come before OTEL_METRIC_EXPORT_INTERVAL and
// OTEL_METRIC_EXPORT_TIMEOUT. [New] has no use for them.
func WithReaderOptions(opts ...sdkmetric.PeriodicReaderOption) Option {
	return optionFunc(func(c *config) { c.reader = append(c.reader, opts...) })
}

// WithProducer adds the metrics of a producer to what [NewReader] prints.
// newProducer is called once, with the temporality that the exporter prefers.
// What is produced belongs to the exporter, which may change it. [New] has no use
// for it.
func WithProducer(newProducer func(sdkmetric.TemporalitySelector) sdkmetric.Producer) Option {
	return optionFunc(func(c *config) { c.producers = append(c.producers, newProducer) })
}

// New returns an exporter that prints metrics as JSON, to standard output
// unless told otherwise.
func New(opts ...Option) (sdkmetric.Exporter, error) {
	return newExporter(newConfig(opts))
}

func newExporter(c config) (sdkmetric.Exporter, error) {
	exporter, err := stdoutmetric.New(c.exporter...)
	if err != nil {
		return nil, fmt.Errorf("otelkv: console exporter: %w", err)
	}
	return exporter, nil
}

// NewReader returns a reader that prints what it reads at an interval,
// OTEL_METRIC_EXPORT_INTERVAL (60 seconds by default), and when it is flushed or
// shut down. What was collected is printed even where a callback of the provider
// returned an error; the error goes to the error handler of package otel.
//
// The reader owns a goroutine, which Shutdown ends.
func NewReader(opts ...Option) (sdkmetric.Reader, error) {
	c := newConfig(opts)
	exporter, err := newExporter(c)
	if err != nil {
		return nil, err
	}
	var producers []sdkmetric.Producer
	for _, newProducer := range c.producers {
		producers = append(producers, newProducer(exporter.Temporality))
	}
	return relay.NewPeriodic(exporter, producers, c.reader...), nil
}
