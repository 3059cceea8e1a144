package prometheus

import (
	"errors"

	promclient "github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// defaultMaxConcurrentScrapes leaves room for a few redundant Prometheus
// servers and slow readers.
const defaultMaxConcurrentScrapes = 16

// An Option changes what [New] returns.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	registerer           promclient.Registerer
	targetInfo           bool
	producers            []sdkmetric.Producer
	maxConcurrentScrapes int
}

func newConfig(opts []Option) (config, error) {
	c := config{maxConcurrentScrapes: defaultMaxConcurrentScrapes}
	for _, opt := range opts {
		opt.apply(&c)
	}
	if c.maxConcurrentScrapes < 1 {
		return c, errors.New("otelkv: the Prometheus exporter needs at least one concurrent scrape")
	}
	return c, nil
}

// WithRegisterer also registers the exporter's metrics with r, so that the
// handler which serves r's registry shows them. Any registerer will do, such as
// controller-runtime's metrics.Registry. Several exporters can share one, as
// long as they have no series in common: most handlers answer 500 to a series
// that is there twice.
//
// The metrics are registered as an unchecked collector. They are gone from r
// when the exporter is shut down; the collector itself stays, and is empty.
func WithRegisterer(r promclient.Registerer) Option {
	return optionFunc(func(c *config) { c.registerer = r })
}

// WithTargetInfo adds the metric target_info, which has the resource's
// attributes as labels. Without it there is none, because the programs that read
// vLLM's metrics do not expect it.
func WithTargetInfo() Option {
	return optionFunc(func(c *config) { c.targetInfo = true })
}

// WithProducer adds metrics of the producer to those of the MeterProvider. They
// must be cumulative, and belong to the exporter, which changes them.
func WithProducer(p sdkmetric.Producer) Option {
	return optionFunc(func(c *config) { c.producers = append(c.producers, p) })
}

// WithMaxConcurrentScrapes bounds the requests that [Exporter.Handler] answers
// at a time. It answers 503 to more. The default is 16.
func WithMaxConcurrentScrapes(n int) Option {
	return optionFunc(func(c *config) { c.maxConcurrentScrapes = n })
}
