// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/internal/otlp"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

// The names of the exporters (OpenTelemetry specification, "Exporter Selection").
const (
	scrapeExporter  = "prometheus"
	otlpExporter    = "otlp"
	consoleExporter = "console"
	noExporter      = "none"
)

// An Option changes what [Start] returns.
type Option func(*config)

type config struct {
	recorders  []*otelkv.Recorder
	chosen     string
	fallback   string
	custom     []push
	gatherers  []promclient.Gatherer
	export     []otelkv.ExportOption
	provider   []sdkmetric.Option
	targetInfo bool
	address    string
	noServer   bool
	server     []prometheus.ServerOption
}

// A push is an exporter that pushes, with the options of its periodic readers.
type push struct {
	exporter sdkmetric.Exporter
	reader   []sdkmetric.PeriodicReaderOption
}

func newConfig(recorder *otelkv.Recorder, options []Option) (config, error) {
	c := config{recorders: []*otelkv.Recorder{recorder}, fallback: otlpExporter}
	for _, o := range options {
		o(&c)
	}
	for i, recorder := range c.recorders {
		switch {
		case recorder == nil:
			return c, errors.New("otelkv: a pipeline needs a recorder")
		case slices.Contains(c.recorders[:i], recorder):
			return c, errors.New("otelkv: a pipeline has the same recorder twice")
		}
	}
	switch {
	case slices.ContainsFunc(c.custom, func(p push) bool { return p.exporter == nil }):
		return c, errors.New("otelkv: an exporter of WithExporter is nil")
	case c.noServer && len(c.server) > 0:
		return c, errors.New("otelkv: a pipeline without a scrape server has options for one")
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
// none if OTEL_SDK_DISABLED is true, else those of OTEL_METRICS_EXPORTER, else those of
// [WithDefaultExporters], else otlp.
func (c *config) exporters() ([]string, error) {
	environment := os.Getenv("OTEL_METRICS_EXPORTER")
	if strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_SDK_DISABLED")), "true") {
		environment = noExporter
	}
	for _, list := range []string{c.chosen, environment} {
		if strings.Trim(list, ", \t") != "" {
			return choose(list)
		}
	}
	return choose(c.fallback)
}

// choose returns the names in a comma-separated list. It ignores space and empty
// entries.
func choose(list string) ([]string, error) {
	known := []string{consoleExporter, noExporter, otlpExporter, scrapeExporter}
	var names []string
	var errs []error
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case slices.Contains(names, name):
			errs = append(errs, fmt.Errorf("otelkv: exporter %q: exporter given twice", name))
		case !slices.Contains(known, name):
			errs = append(errs, fmt.Errorf("otelkv: exporter %q: no such exporter: expected one of %s", name, strings.Join(known, ", ")))
		default:
			names = append(names, name)
		}
	}
	if slices.Contains(names, noExporter) {
		if len(names) > 1 {
			errs = append(errs, fmt.Errorf("otelkv: exporter %q stands alone, and the list is %q", noExporter, list))
		}
		names = nil
	}
	return names, errors.Join(errs...)
}

// newExporter returns a named exporter that pushes.
func newExporter(ctx context.Context, name string) (sdkmetric.Exporter, error) {
	if name == otlpExporter {
		return otlp.New(ctx, otlp.RetriesWithinInterval())
	}
	exporter, err := stdoutmetric.New()
	if err != nil {
		return nil, fmt.Errorf("otelkv: exporter %q: %w", consoleExporter, err)
	}
	return exporter, nil
}

// listenAddress returns the address of [WithServer], else that of
// OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT.
func (c *config) listenAddress() (string, error) {
	if c.address != "" {
		return c.address, nil
	}
	host := cmp.Or(strings.TrimSpace(os.Getenv("OTEL_EXPORTER_PROMETHEUS_HOST")), "127.0.0.1")
	port := cmp.Or(strings.TrimSpace(os.Getenv("OTEL_EXPORTER_PROMETHEUS_PORT")), "9464")
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("otelkv: OTEL_EXPORTER_PROMETHEUS_PORT is %q: expected a port number", port)
	}
	return net.JoinHostPort(host, port), nil
}

// WithExporters names the exporters in a comma-separated list, such as
// "prometheus,otlp". It has priority over OTEL_METRICS_EXPORTER and OTEL_SDK_DISABLED.
// An empty list changes nothing.
func WithExporters(list string) Option {
	return func(c *config) { c.chosen = list }
}

// WithDefaultExporters names the exporters to use when neither [WithExporters]
// nor OTEL_METRICS_EXPORTER does. Without it the default is otlp, as in the
// OpenTelemetry specification.
func WithDefaultExporters(list string) Option {
	return func(c *config) { c.fallback = list }
}

// WithExporter adds an exporter that pushes, beside the named ones, such as one of
// otlpmetricgrpc with TLS credentials from memory. The options are for its periodic
// readers, such as sdkmetric.WithInterval. They have priority over
// OTEL_METRIC_EXPORT_INTERVAL and OTEL_METRIC_EXPORT_TIMEOUT. There are two readers, so
// that one with sdkmetric.WithProducer would send its metrics twice: use [WithGatherer].
// The exporter has its own retries and follows redirects as its client does, unlike the
// exporter otlp. The pipeline shuts it down.
func WithExporter(exporter sdkmetric.Exporter, options ...sdkmetric.PeriodicReaderOption) Option {
	return func(c *config) { c.custom = append(c.custom, push{exporter, options}) }
}

// WithRecorders exports further recorders. If two have a metric in common, under its
// OpenTelemetry or its Prometheus name, their constant labels must have different values.
func WithRecorders(recorders ...*otelkv.Recorder) Option {
	return func(c *config) { c.recorders = append(c.recorders, recorders...) }
}

// WithGatherer also exports what g gathers, such as a Prometheus registry of the host.
// Scrapes show it. Exporters that push send it, with cumulative temporality, through
// go.opentelemetry.io/contrib/bridges/prometheus. A family with the name of a recorder's
// metric is left out and reported. Do not register a collector of the pipeline's
// recorders with g: gathering would collect them a second time.
func WithGatherer(g promclient.Gatherer) Option {
	return func(c *config) { c.gatherers = append(c.gatherers, g) }
}

// WithExportOptions changes how the recorders' metrics are exported.
// [otelkv.WithPrometheusNames] acts on exporters that push, because scrapes always show
// Prometheus names. [otelkv.WithNativeHistograms] acts on scrapes. Other options act on
// both. What a view cannot do is an error of [Start] ([otelkv.WithViews]). The pipeline
// sets the temporality and the aggregations that each exporter prefers.
func WithExportOptions(options ...otelkv.ExportOption) Option {
	return func(c *config) { c.export = append(c.export, options...) }
}

// WithProviderOptions passes options to the MeterProvider of the pipeline. The resource
// of sdkmetric.WithResource is that of all metrics, and must be valid UTF-8. Other
// options, such as sdkmetric.WithView and sdkmetric.WithCardinalityLimit, act on the
// instruments of the host; for the recorders' metrics see [WithExportOptions].
func WithProviderOptions(options ...sdkmetric.Option) Option {
	return func(c *config) { c.provider = append(c.provider, options...) }
}

// WithTargetInfo makes scrapes show the metric target_info, which has the resource's
// attributes as labels. The default is not to show it, because the programs that read
// vLLM's metrics do not expect it.
func WithTargetInfo() Option {
	return func(c *config) { c.targetInfo = true }
}

// WithServer sets the address of the scrape server, host:port, and passes options to it.
// Port 0 takes a free one; [Pipeline.Addr] returns it. The address has priority over
// OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT; an empty one changes
// nothing. Without the exporter prometheus there is no server.
func WithServer(address string, options ...prometheus.ServerOption) Option {
	return func(c *config) {
		c.address = cmp.Or(address, c.address)
		c.server = append(c.server, options...)
	}
}

// WithoutServer starts no scrape server. Mount [Pipeline.Handler] in a server of the
// host. Options for a scrape server are an error then, because they would protect
// nothing.
func WithoutServer() Option {
	return func(c *config) { c.noServer = true }
}
