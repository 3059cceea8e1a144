// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

// A Pipeline exports recorders, and starts and stops the exporters. It is also a
// MeterProvider for the instruments of the host, which the same exporters export. It is
// safe for concurrent use. Recording never waits for an exporter.
//
// A failed export is reported to the error handler of package otel. The text comes from
// the collector, so it is quoted and cut to 512 bytes. The same failure is reported once a
// minute, with a count, and at most eight failures are reported in a minute. If a
// collector refuses a push for its size, the pipeline sends it in halves, in 31 requests
// at most.
type Pipeline struct {
	*sdkmetric.MeterProvider // of the host

	names    []string
	pushers  []*pusher
	handler  http.Handler
	server   *prometheus.Server
	stopped  chan struct{} // closed when the shutdown is over
	shutdown sync.Once
	failure  error // of the shutdown, valid when stopped is closed
}

// Start returns a running pipeline that exports the recorder, and those of
// [WithRecorders], through the chosen exporters ([WithExporters]). The caller shuts the
// pipeline down, and closes the recorder before or after.
//
// The error lists all problems of a step: exporters that are unknown or named twice,
// metrics that two recorders have in common, and options or variables that an exporter
// cannot use. It is not an error that a collector cannot be reached.
func Start(ctx context.Context, recorder *otelkv.Recorder, options ...Option) (*Pipeline, error) {
	c, err := newConfig(recorder, options)
	if err != nil {
		return nil, err
	}
	names, err := c.exporters()
	if err != nil {
		return nil, err
	}
	p := &Pipeline{names: names, handler: http.NotFoundHandler(), stopped: make(chan struct{})}
	if err := p.build(ctx, c); err != nil {
		// Nothing has been recorded yet, so do not wait for a collector.
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		_ = p.stop(canceled)
		return nil, err
	}
	return p, nil
}

// build makes the exporters and starts them.
func (p *Pipeline) build(ctx context.Context, c config) error {
	scraped := slices.Contains(p.names, scrapeExporter)
	collectors, err := c.collectors(scraped)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range p.names {
		if name == scrapeExporter {
			continue
		}
		exporter, err := newExporter(ctx, name)
		if err == nil {
			p.pushers = append(p.pushers, newPusher(c, push{exporter: exporter}))
		}
		errs = append(errs, err)
	}
	for _, custom := range c.custom {
		p.pushers = append(p.pushers, newPusher(c, custom))
	}
	host := sdkmetric.NewManualReader()
	r, err := p.provide(ctx, c, scraped, host)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, pusher := range p.pushers {
		errs = append(errs, pusher.start(c, collectors, r))
	}
	if scraped {
		p.handler, err = c.scrapeHandler(collectors, host, r)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil || !scraped || c.noServer {
		return err
	}
	address, err := c.listenAddress()
	if err != nil {
		return err
	}
	p.server, err = prometheus.StartServer(address, p.handler, c.server...)
	return err
}

// provide makes the MeterProvider of the host, and returns its resource.
func (p *Pipeline) provide(ctx context.Context, c config, scraped bool, scrapes sdkmetric.Reader) (*resource.Resource, error) {
	var readers []sdkmetric.Reader
	if scraped {
		readers = append(readers, scrapes)
	}
	for _, pusher := range p.pushers {
		readers = append(readers, pusher.hostReader)
	}
	if len(readers) == 0 { // one that drops all metrics, because only readers know the resource
		readers = append(readers, sdkmetric.NewManualReader(sdkmetric.WithAggregationSelector(
			func(sdkmetric.InstrumentKind) sdkmetric.Aggregation { return sdkmetric.AggregationDrop{} })))
	}
	options := slices.Clone(c.provider)
	for _, reader := range readers {
		options = append(options, sdkmetric.WithReader(reader))
	}
	p.MeterProvider = sdkmetric.NewMeterProvider(options...)
	var rm metricdata.ResourceMetrics
	if err := readers[0].Collect(context.WithoutCancel(ctx), &rm); err != nil {
		return nil, fmt.Errorf("otelkv: pipeline: %w", err)
	}
	for _, kv := range rm.Resource.Attributes() {
		// A Collector would refuse every push.
		if text := string(kv.Key) + kv.Value.String(); !utf8.ValidString(text) {
			return nil, fmt.Errorf("otelkv: resource attribute %q: %q is not valid UTF-8", string(kv.Key), kv.Value.String())
		}
	}
	return rm.Resource, nil
}

// collectors returns a collector for each recorder. The error names a metric that two
// recorders have, because backends could not tell their series apart. Exporters that push
// use the metrics' OpenTelemetry names, which can be the same where the Prometheus names
// differ.
func (c *config) collectors(scraped bool) ([]*prometheus.Collector, error) {
	options := c.export
	if !scraped {
		// Without the memory of native histograms.
		options = slices.Concat(options, []otelkv.ExportOption{otelkv.WithSelectors(nil, sdkmetric.DefaultAggregationSelector)})
	}
	const conflict = "otelkv: pipeline: two recorders have a metric in common: expected recorders of different metrics, " +
		"or with constant labels of different values: "
	registry := promclient.NewRegistry()
	taken := make(map[string]*otelkv.Recorder)
	var all []*prometheus.Collector
	for _, recorder := range c.recorders {
		producer, err := recorder.Producer(options...)
		if err != nil {
			return nil, err
		}
		labels := attribute.NewSet(recorder.ConstantLabels()...)
		for d := range producer.Definitions() {
			key := d.Name + labels.Encoded(attribute.DefaultEncoder())
			if other := taken[key]; other != nil && other != recorder {
				return nil, fmt.Errorf(conflict+"metric %q", d.Name)
			}
			taken[key] = recorder
		}
		collector, err := prometheus.NewCollector(recorder, options...)
		if err != nil {
			return nil, err
		}
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf(conflict+"%w", err)
		}
		all = append(all, collector)
	}
	return all, nil
}

// Handler returns the handler of scrapes, to mount in a server of the host. Without the
// exporter prometheus it answers 404.
func (p *Pipeline) Handler() http.Handler {
	return p.handler
}

// Addr returns the address of the scrape server, or nil if there is none.
func (p *Pipeline) Addr() net.Addr {
	if p.server == nil {
		return nil
	}
	return p.server.Addr()
}

// URL returns the URL of scrapes, or an empty string if there is no scrape server.
func (p *Pipeline) URL() string {
	if p.server == nil {
		return ""
	}
	return p.server.URL()
}

// ForceFlush makes every exporter that pushes collect and export now, all at the same
// time. It returns by the deadline of ctx, with all errors joined, also those that were
// reported before. Scrapes need no flush.
func (p *Pipeline) ForceFlush(ctx context.Context) error {
	all := []func(context.Context) error{p.MeterProvider.ForceFlush}
	for _, pusher := range p.pushers {
		all = append(all, pusher.forceFlush)
	}
	return each(ctx, all)
}

// Shutdown exports a last time, ends the scrapes and stops every exporter, all at the same
// time, and returns their errors joined. If ctx is done earlier, it returns the error of
// ctx, and the shutdown goes on. A later call waits for the same shutdown, and returns its
// error.
func (p *Pipeline) Shutdown(ctx context.Context) error {
	p.shutdown.Do(func() {
		go func() {
			defer close(p.stopped)
			p.failure = p.stop(ctx)
		}()
	})
	select {
	case <-p.stopped:
	case <-ctx.Done():
	}
	select {
	case <-p.stopped:
		return p.failure
	default:
		return fmt.Errorf("otelkv: pipeline: the shutdown is not over: %w", ctx.Err())
	}
}

func (p *Pipeline) stop(ctx context.Context) error {
	var all []func(context.Context) error
	for _, pusher := range p.pushers {
		all = append(all, pusher.shutdown)
	}
	if p.server != nil {
		all = append(all, p.server.Shutdown)
	}
	if p.MeterProvider != nil {
		// Readers of the program export now: a collector may use up the time until the
		// provider is shut down.
		all = append(all, p.MeterProvider.ForceFlush)
	}
	err := each(ctx, all)
	if p.MeterProvider != nil {
		// After the last exports, which read its instruments.
		err = errors.Join(err, each(ctx, []func(context.Context) error{p.MeterProvider.Shutdown}))
	}
	return err
}

// String returns the names of the pipeline's exporters and the URL of scrapes.
func (p *Pipeline) String() string {
	text := "otelkv pipeline: " + cmp.Or(strings.Join(p.names, ", "), noExporter)
	if p.server != nil {
		text += " (" + p.server.URL() + ")"
	}
	return text
}

// each calls all functions at the same time, so that a slow one does not use up the time
// of the others.
func each(ctx context.Context, all []func(context.Context) error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f(ctx) })
	}
	wg.Wait()
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, sdkmetric.ErrReaderShutdown) })...)
}
