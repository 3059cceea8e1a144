package exporters

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	promclient "github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters/console"
	"github.com/otelkv/otelkv-go/exporters/otlp"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
)

// An Option changes what [New] returns.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	chosen   string
	fallback string
	registry *Registry
	readers  []Factory
	provider []sdkmetric.Option

	listen    string
	noServer  bool
	unstarted bool
	server    []prometheus.ServerOption

	bridged    []promclient.Gatherer
	prometheus []prometheus.Option
	otlp       []otlp.Option
	console    []console.Option
}

func newConfig(opts []Option) config {
	c := config{fallback: OTLP}
	for _, opt := range opts {
		opt.apply(&c)
	}
	if c.registry == nil {
		c.registry = NewRegistry()
	}
	return c
}

// exporters returns the names of the exporters: those of [WithExporters], else
// none where OTEL_SDK_DISABLED says so, else of OTEL_METRICS_EXPORTER, else of
// [WithDefaultExporters], else otlp.
func (c config) exporters() ([]string, error) {
	environment := os.Getenv("OTEL_METRICS_EXPORTER")
	if strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_SDK_DISABLED")), "true") {
		environment = None
	}
	for _, list := range []string{c.chosen, environment} {
		if strings.Trim(list, ", \t") != "" {
			return c.registry.choose(list)
		}
	}
	return c.registry.choose(c.fallback)
}

// address returns where the scrape server listens: as [WithListen] says, else
// at OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT, else at
// [prometheus.DefaultAddress].
func (c config) address() (string, error) {
	if c.listen != "" {
		return c.listen, nil
	}
	host, port, err := net.SplitHostPort(prometheus.DefaultAddress)
	if err != nil {
		return "", err
	}
	if value := strings.TrimSpace(os.Getenv("OTEL_EXPORTER_PROMETHEUS_HOST")); value != "" {
		host = value
	}
	if value := strings.TrimSpace(os.Getenv("OTEL_EXPORTER_PROMETHEUS_PORT")); value != "" {
		if _, err := strconv.ParseUint(value, 10, 16); err != nil {
			return "", fmt.Errorf("otelkv: OTEL_EXPORTER_PROMETHEUS_PORT is %q: expected a port number", value)
		}
		port = value
	}
	return net.JoinHostPort(host, port), nil
}

// WithExporters names the exporters in a comma-separated list, such as
// "prometheus,otlp". It comes before OTEL_METRICS_EXPORTER and
// OTEL_SDK_DISABLED. An empty list changes nothing.
func WithExporters(list string) Option {
	return optionFunc(func(c *config) { c.chosen = list })
}

// WithDefaultExporters names the exporters to use when neither [WithExporters]
// nor OTEL_METRICS_EXPORTER does. Without it the default is otlp, as in the
// OpenTelemetry specification.
func WithDefaultExporters(list string) Option {
	return optionFunc(func(c *config) { c.fallback = list })
}

// WithRegistry takes the exporters from r instead of [NewRegistry].
func WithRegistry(r *Registry) Option {
	return optionFunc(func(c *config) { c.registry = r })
}

// WithReader adds a reader beside those of the named exporters.
func WithReader(factory Factory) Option {
	return optionFunc(func(c *config) { c.readers = append(c.readers, factory) })
}

// WithResource sets what the metrics are measured for. As in the SDK, the
// attributes of OTEL_RESOURCE_ATTRIBUTES are added to it, and without it the
// resource is the SDK's default.
func WithResource(res *resource.Resource) Option {
	return optionFunc(func(c *config) { c.provider = append(c.provider, sdkmetric.WithResource(res)) })
}

// WithViews adds views. They hold for the instruments of the pipeline's meters,
// not for the series that a recorder hands to the pipeline aggregated.
func WithViews(views ...sdkmetric.View) Option {
	return optionFunc(func(c *config) { c.provider = append(c.provider, sdkmetric.WithView(views...)) })
}

// WithCardinalityLimit sets how many series an instrument of the pipeline's
// meters can have before the SDK folds further ones into one; 2000 by default,
// no limit with zero. Recorders have a limit of their own.
func WithCardinalityLimit(limit int) Option {
	return optionFunc(func(c *config) { c.provider = append(c.provider, sdkmetric.WithCardinalityLimit(limit)) })
}

// WithListen sets the address of the scrape server, host:port. Port 0 takes a
// free one; [Pipeline.Addr] tells which. It comes before
// OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT.
func WithListen(address string) Option {
	return optionFunc(func(c *config) { c.listen = address })
}

// WithoutServer starts no scrape server. Mount [Pipeline.Handler], or pass
// prometheus.WithRegisterer to [WithPrometheusOptions]. It excludes
// [WithUnstartedServer] and [WithServerOptions], which could protect nothing.
func WithoutServer() Option {
	return optionFunc(func(c *config) { c.noServer = true })
}

// WithUnstartedServer leaves it to [Pipeline.StartServer] to begin with serving,
// so that no scrape comes before the engines are there. The server listens
// nevertheless: an address in use is an error of [New], and scrapes that come
// early wait.
func WithUnstartedServer() Option {
	return optionFunc(func(c *config) { c.unstarted = true })
}

// WithServerOptions passes options to the scrape server, such as a bearer token
// or TLS.
func WithServerOptions(opts ...prometheus.ServerOption) Option {
	return optionFunc(func(c *config) { c.server = append(c.server, opts...) })
}

// WithPrometheusOptions passes options to the exporter prometheus.
func WithPrometheusOptions(opts ...prometheus.Option) Option {
	return optionFunc(func(c *config) { c.prometheus = append(c.prometheus, opts...) })
}

// WithPrometheusBridge sends the metrics of a Prometheus registry over the
// exporter otlp, beside the pipeline's own. The pipeline's are left out of what
// is gathered, so that nothing is sent twice where its exporter prometheus is
// registered in the same registry.
func WithPrometheusBridge(g promclient.Gatherer) Option {
	return optionFunc(func(c *config) { c.bridged = append(c.bridged, g) })
}

// WithOTLPOptions passes options to the exporter otlp.
func WithOTLPOptions(opts ...otlp.Option) Option {
	return optionFunc(func(c *config) { c.otlp = append(c.otlp, opts...) })
}

// WithConsoleOptions passes options to the exporter console.
func WithConsoleOptions(opts ...console.Option) Option {
	return optionFunc(func(c *config) { c.console = append(c.console, opts...) })
}
