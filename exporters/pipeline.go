// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	promclient "github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

// A Pipeline exports recorders, and owns the life of the exporters. It is also a
// MeterProvider, for the instruments of the host, which the same exporters export. It
// is safe for concurrent use. Recording never waits for an exporter.
//
// A failed export is reported to the error handler of package otel, with the text quoted
// and cut to 512 bytes, because a collector writes it. The same failure is reported once a
// minute, with a count, and at most eight within a minute. A push that a collector refuses for its size is sent in halves, in
// 31 requests at most.
type Pipeline struct {
	*sdkmetric.MeterProvider // of the host

	names    []string
	pushers  []*pusher
	handler  http.Handler
	server   *prometheus.Server
	stopped  chan struct{} // closed when shutdown is over
	shutdown sync.Once
	failure  error // of the shutdown, from when stopped is closed
}

// Start returns a pipeline that exports the recorder, and those of [WithRecorders],
// through the chosen exporters ([WithExporters]), running. The caller shuts the pipeline
// down, and closes the recorder before or after.
//
// The errors say, all at once, which exporters are unknown ([ErrUnknownExporter]) or
// given twice ([ErrDuplicateExporter]), which metrics two recorders have in common, or
// what an exporter cannot use in its options or environment. A collector that cannot
// be reached is no error.
func Start(ctx context.Context, recorder *otelkv.Recorder, options ...Option) (*Pipeline, error) {
	c, err := newConfig(recorder, options)
	if err != nil {
		return nil, err
	}
	names, err := c.exporters()
	if err != nil {
		return nil, err
	}
	p := &Pipeline{names: names, stopped: make(chan struct{})}
	if err := p.build(ctx, c); err != nil {
		// Nothing is measured yet that would be worth to wait for a collector.
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		_ = p.stop(canceled)
		return nil, err
	}
	return p, nil
}

// build makes the exporters and starts them.
func (p *Pipeline) build(ctx context.Context, c config) error {
	collectors, err := c.collectors(slices.Contains(p.names, Prometheus))
	if err != nil {
		return err
	}
	host := []sdkmetric.Option{sdkmetric.WithResource(c.resource), sdkmetric.WithView(c.views...)}
	if c.cardinalityLimit != nil {
		host = append(host, sdkmetric.WithCardinalityLimit(*c.cardinalityLimit))
	}
	var errs []error
	for _, name := range p.names {
		switch name {
		case Prometheus:
			hosted, reader, err := c.hostGatherer()
			if err == nil {
				host = append(host, sdkmetric.WithReader(reader))
				p.handler, err = prometheus.NewHandler(collectors, hosted...)
			}
			errs = append(errs, err)
		default:
			exporter, err := c.exporter(ctx, name)
			if err == nil {
				err = p.push(c, collectors, exporter)
			}
			errs = append(errs, err)
		}
	}
	for _, exporter := range c.custom {
		errs = append(errs, p.push(c, collectors, exporter))
	}
	for _, pusher := range p.pushers {
		host = append(host, sdkmetric.WithReader(pusher.hostReader))
	}
	p.MeterProvider = sdkmetric.NewMeterProvider(host...)
	if err := errors.Join(errs...); err != nil || p.handler == nil || c.noServer {
		return err
	}
	address, err := c.address()
	if err != nil {
		return err
	}
	p.server, err = prometheus.StartServer(address, p.handler, c.server...)
	return err
}

// push adds an exporter that pushes.
func (p *Pipeline) push(c config, collectors []*prometheus.Collector, exporter sdkmetric.Exporter) error {
	pusher, err := newPusher(c, collectors, exporter)
	if err == nil {
		p.pushers = append(p.pushers, pusher)
	}
	return err
}

// collectors returns a collector for each recorder. The error names a metric that two
// of them have, under which no backend could tell them apart.
func (c *config) collectors(scraped bool) ([]*prometheus.Collector, error) {
	options := c.export
	if scraped {
		options = slices.Concat(options, c.scraped)
	}
	registry := promclient.NewRegistry()
	var all []*prometheus.Collector
	for _, recorder := range c.recorders {
		collector, err := prometheus.NewCollector(recorder, options...)
		if err != nil {
			return nil, err
		}
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("otelkv: pipeline: %w: expected recorders of different metrics, "+
				"or with constant labels of different values: %w", ErrConflict, err)
		}
		all = append(all, collector)
	}
	return all, nil
}

// Handler returns the handler of scrapes, to mount it in a server of the host's.
// Without the exporter prometheus it answers 404.
func (p *Pipeline) Handler() http.Handler {
	if p.handler == nil {
		return http.NotFoundHandler()
	}
	return p.handler
}

// Addr returns the address of the scrape server, or nil where there is none.
func (p *Pipeline) Addr() net.Addr {
	if p.server == nil {
		return nil
	}
	return p.server.Addr()
}

// URL returns where the pipeline is scraped, or nothing where there is no scrape
// server.
func (p *Pipeline) URL() string {
	if p.server == nil {
		return ""
	}
	return p.server.URL()
}

// ForceFlush makes every exporter that pushes collect and export now, all at
// the same time, and returns their errors joined by the deadline of ctx, also those that
// were reported before. Scrapes need no flush.
func (p *Pipeline) ForceFlush(ctx context.Context) error {
	var all []func(context.Context) error
	for _, pusher := range p.pushers {
		all = append(all, pusher.forceFlush)
	}
	return each(ctx, all)
}

// Shutdown exports a last time, ends the scrapes and stops every exporter, all
// at the same time, and returns their errors joined. It returns when ctx is done at
// the latest, with the context's error where something still runs then. A later call
// waits for what still runs, and returns the same.
func (p *Pipeline) Shutdown(ctx context.Context) error {
	p.shutdown.Do(func() {
		go func() {
			defer close(p.stopped)
			p.failure = p.stop(ctx)
		}()
	})
	select {
	case <-p.stopped:
		return p.failure
	case <-ctx.Done():
	}
	select {
	case <-p.stopped:
		return p.failure
	default:
		return fmt.Errorf("otelkv: pipeline: something still runs: %w", ctx.Err())
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
	err := each(ctx, all)
	if p.MeterProvider != nil {
		// Its meters have to measure no more. All it can return is that its readers
		// are stopped.
		_ = p.MeterProvider.Shutdown(ctx)
	}
	return err
}

// String names the pipeline's exporters and where it is scraped.
func (p *Pipeline) String() string {
	text := "otelkv pipeline: " + strings.Join(p.names, ", ")
	if len(p.names) == 0 {
		text = "otelkv pipeline: " + None
	}
	if p.server != nil {
		text += " (" + p.server.URL() + ")"
	}
	return text
}

// each calls all functions at the same time, so that one that waits for its receiver
// does not use up the others' deadline.
func each(ctx context.Context, all []func(context.Context) error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f(ctx) })
	}
	wg.Wait()
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, sdkmetric.ErrReaderShutdown) })...)
}
