// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters/internal/otlp"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

// The names of the exporters (OpenTelemetry specification, "Exporter Selection").
const (
	Prometheus = "prometheus"
	OTLP       = "otlp"
	Console    = "console"
	// None stands for no exporter, and stands alone.
	None = "none"
)

// Errors of [Start].
var (
	// ErrUnknownExporter says that there is no exporter of the name.
	ErrUnknownExporter = errors.New("no such exporter")
	// ErrDuplicateExporter says that a name is chosen twice.
	ErrDuplicateExporter = errors.New("exporter given twice")
	// ErrConflict says that two recorders of a pipeline have a metric in common.
	ErrConflict = errors.New("two recorders have a metric in common")
)

// An Option changes what [Start] returns.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	recorders []*otelkv.Recorder
	chosen    string
	fallback  string
	custom    []sdkmetric.Exporter
	gatherers []promclient.Gatherer
	export    []otelkv.ExportOption // for every producer
	pushed    []otelkv.ExportOption // for producers of exporters that push
	scraped   []otelkv.ExportOption // for collectors

	// Of the host's instruments.
	resource         *resource.Resource
	views            []sdkmetric.View
	cardinalityLimit *int
	targetInfo       bool

	listen   string
	noServer bool
	server   []prometheus.ServerOption

	reader  []sdkmetric.PeriodicReaderOption
	otlp    []otlp.Option
	console []stdoutmetric.Option
}

func newConfig(recorder *otelkv.Recorder, options []Option) (config, error) {
	c := config{recorders: []*otelkv.Recorder{recorder}, fallback: OTLP, resource: resource.Default()}
	for _, o := range options {
		o.apply(&c)
	}
	switch {
	case slices.Contains(c.recorders, nil):
		return c, errors.New("otelkv: a pipeline needs a recorder")
	case slices.Contains(c.custom, nil):
		return c, errors.New("otelkv: an exporter of WithExporter is nil")
	case c.noServer && len(c.server) > 0:
		return c, errors.New("otelkv: a pipeline without a scrape server has options for one")
	}
	for _, kv := range c.resource.Attributes() {
		// A Collector would refuse every push.
		if text := string(kv.Key) + kv.Value.String(); !utf8.ValidString(text) {
			return c, fmt.Errorf("otelkv: resource attribute %q: %q is no valid UTF-8", string(kv.Key), kv.Value.String())
		}
	}
	for name := range strings.SplitSeq(os.Getenv("OTEL_METRICS_PRODUCERS"), ",") {
		switch strings.TrimSpace(name) {
		case "", "none":
		case "prometheus":
			c.gatherers = append(c.gatherers, promclient.DefaultGatherer)
		default:
			return c, fmt.Errorf("otelkv: OTEL_METRICS_PRODUCERS has %q: expected prometheus or none", name)
		}
	}
	return c, nil
}

// exporters returns the names of the exporters: those of [WithExporters], else
// none where OTEL_SDK_DISABLED says so, else of OTEL_METRICS_EXPORTER, else of
// [WithDefaultExporters], else otlp.
func (c *config) exporters() ([]string, error) {
	environment := os.Getenv("OTEL_METRICS_EXPORTER")
	if strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_SDK_DISABLED")), "true") {
		environment = None
	}
	for _, list := range []string{c.chosen, environment} {
		if strings.Trim(list, ", \t") != "" {
			return choose(list)
		}
	}
	return choose(c.fallback)
}

// choose returns the names in a comma-separated list, checked: all of them are
// known, none is there twice, and none is alone. Space and empty entries do not
// matter.
func choose(list string) ([]string, error) {
	known := []string{Console, None, OTLP, Prometheus}
	var names []string
	var errs []error
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case slices.Contains(names, name):
			errs = append(errs, fmt.Errorf("otelkv: exporter %q: %w", name, ErrDuplicateExporter))
		case !slices.Contains(known, name):
			errs = append(errs, fmt.Errorf("otelkv: exporter %q: %w: expected one of %s", name, ErrUnknownExporter, strings.Join(known, ", ")))
		default:
			names = append(names, name)
		}
	}
	if slices.Contains(names, None) {
		if len(names) > 1 {
			errs = append(errs, fmt.Errorf("otelkv: exporter %q stands alone, and the list is %q", None, list))
		}
		names = nil
	}
	return names, errors.Join(errs...)
}

// exporter returns the named exporter of those that push.
func (c *config) exporter(ctx context.Context, name string) (sdkmetric.Exporter, error) {
	if name == OTLP {
		return otlp.New(ctx, append(c.otlp, otlp.WithRetriesWithin(c.interval()))...)
	}
	exporter, err := stdoutmetric.New(c.console...)
	if err != nil {
		return nil, fmt.Errorf("otelkv: exporter %q: %w", Console, err)
	}
	return exporter, nil
}

// address returns where the scrape server listens: as [WithListen] says, else
// at OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT, else at
// [prometheus.DefaultAddress].
func (c *config) address() (string, error) {
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

// WithExporter adds an exporter that pushes, beside the named ones. The pipeline
// shuts it down.
func WithExporter(exporter sdkmetric.Exporter) Option {
	return optionFunc(func(c *config) { c.custom = append(c.custom, exporter) })
}

// WithRecorders exports further recorders. Where two have a metric in common, their
// constant labels must have different values.
func WithRecorders(recorders ...*otelkv.Recorder) Option {
	return optionFunc(func(c *config) { c.recorders = append(c.recorders, recorders...) })
}

// WithGatherer also exports what g gathers, such as a Prometheus registry of the host:
// scrapes show it, and exporters that push send it, through
// go.opentelemetry.io/contrib/bridges/prometheus, cumulative. A family with the name of
// a recorder's metric is left out and reported. Do not register a collector of the
// pipeline's recorders with g: gathering would collect them a second time.
func WithGatherer(g promclient.Gatherer) Option {
	return optionFunc(func(c *config) { c.gatherers = append(c.gatherers, g) })
}

// WithPrometheusNames makes exporters that push send the recorders' metrics under
// their Prometheus names ([otelkv.WithPrometheusNames]).
func WithPrometheusNames() Option {
	return optionFunc(func(c *config) { c.pushed = append(c.pushed, otelkv.WithPrometheusNames()) })
}

// WithResource sets what the metrics are measured for. As in the SDK, the
// attributes of OTEL_RESOURCE_ATTRIBUTES are added to it, and without it the
// resource is the SDK's default.
func WithResource(r *resource.Resource) Option {
	return optionFunc(func(c *config) { c.resource = r })
}

// WithNativeHistograms makes scrapes show the recorders' histograms as native ones too
// ([otelkv.WithNativeHistograms]).
func WithNativeHistograms() Option {
	return optionFunc(func(c *config) { c.scraped = append(c.scraped, otelkv.WithNativeHistograms()) })
}

// WithTargetInfo makes scrapes show the metric target_info, which has the resource's
// attributes as labels. Without it there is none, because the programs that read vLLM's
// metrics do not expect it.
func WithTargetInfo() Option {
	return optionFunc(func(c *config) { c.targetInfo = true })
}

// WithViews adds views, of the recorders' metrics and of the host's instruments alike.
// What the recorders' metrics cannot do is an error of [Start] ([otelkv.WithViews]).
func WithViews(views ...sdkmetric.View) Option {
	return optionFunc(func(c *config) {
		c.views = append(c.views, views...)
		c.export = append(c.export, otelkv.WithViews(views...))
	})
}

// WithCardinalityLimit sets how many series an instrument of the host can have
// before the SDK folds further ones into one; 2000 by default, no limit with zero.
// Recorders have a limit of their own.
func WithCardinalityLimit(limit int) Option {
	return optionFunc(func(c *config) { c.cardinalityLimit = &limit })
}

// WithListen sets the address of the scrape server, host:port. Port 0 takes a
// free one; [Pipeline.Addr] tells which. It comes before
// OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT.
func WithListen(address string) Option {
	return optionFunc(func(c *config) { c.listen = address })
}

// WithoutServer starts no scrape server. Mount [Pipeline.Handler]. It excludes
// [WithServerOptions], which could protect nothing.
func WithoutServer() Option {
	return optionFunc(func(c *config) { c.noServer = true })
}

// WithServerOptions passes options to the scrape server, such as a bearer token
// or TLS.
func WithServerOptions(options ...prometheus.ServerOption) Option {
	return optionFunc(func(c *config) { c.server = append(c.server, options...) })
}

// WithReaderOptions passes options to the periodic readers of exporters that push, such
// as sdkmetric.WithInterval. They come before OTEL_METRIC_EXPORT_INTERVAL and
// OTEL_METRIC_EXPORT_TIMEOUT.
func WithReaderOptions(options ...sdkmetric.PeriodicReaderOption) Option {
	return optionFunc(func(c *config) { c.reader = append(c.reader, options...) })
}

// WithProtocol sets the protocol of the exporter otlp: "grpc" or "http/protobuf". It
// comes before OTEL_EXPORTER_OTLP_PROTOCOL. Without both it is grpc where only
// [WithGRPCOptions] are given, and else http/protobuf.
func WithProtocol(protocol string) Option {
	return optionFunc(func(c *config) { c.otlp = append(c.otlp, otlp.WithProtocol(otlp.Protocol(protocol))) })
}

// WithGRPCOptions passes options to the exporter otlp where its protocol is grpc, such
// as otlpmetricgrpc.WithTLSCredentials. They come before the environment.
func WithGRPCOptions(options ...otlpmetricgrpc.Option) Option {
	return optionFunc(func(c *config) { c.otlp = append(c.otlp, otlp.WithGRPCOptions(options...)) })
}

// WithHTTPOptions passes options to the exporter otlp where its protocol is
// http/protobuf, such as otlpmetrichttp.WithTLSClientConfig. They come before the
// environment.
func WithHTTPOptions(options ...otlpmetrichttp.Option) Option {
	return optionFunc(func(c *config) { c.otlp = append(c.otlp, otlp.WithHTTPOptions(options...)) })
}

// WithConsoleOptions passes options to the exporter console, such as
// stdoutmetric.WithWriter.
func WithConsoleOptions(options ...stdoutmetric.Option) Option {
	return optionFunc(func(c *config) { c.console = append(c.console, options...) })
}
