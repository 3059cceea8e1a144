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
	dto "github.com/prometheus/client_model/go"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/otlp"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/preaggregated"
	"github.com/otelkv/otelkv-go/schema"
)

// A Pipeline is a MeterProvider with exporters, and owns their life. It is safe
// for concurrent use. Recording through it never waits for an exporter.
//
// A recorder of this module hands its series to the pipeline already aggregated,
// which is faster than instruments and lets histograms exist at zero. Anything
// else uses the pipeline as it would any MeterProvider.
type Pipeline struct {
	*sdkmetric.MeterProvider

	names   []string
	sources *sources
	// instruments says that a reader has histograms aggregated in its own way.
	instruments bool
	readers     []sdkmetric.Reader
	scraped     *prometheus.Exporter
	handler     http.Handler
	server      *prometheus.Server
	stop        sync.Once
}

var (
	_ preaggregated.Provider       = (*Pipeline)(nil)
	_ preaggregated.FailureCounter = (*Pipeline)(nil)
)

// New returns a pipeline with the chosen exporters ([WithExporters]), running.
// The catalogue names the metrics on a scrape. The caller shuts the pipeline
// down.
//
// The errors say, all at once, which exporters are unknown
// ([ErrUnknownExporter]) or given twice ([ErrDuplicateExporter]), or what an
// exporter cannot use in its options or environment. A collector that cannot be
// reached is no error.
func New(ctx context.Context, catalogue *schema.Catalogue, opts ...Option) (*Pipeline, error) {
	if catalogue == nil {
		return nil, errors.New("otelkv: a pipeline needs a catalogue")
	}
	c := newConfig(opts)
	if c.noServer && (c.unstarted || len(c.server) > 0) {
		return nil, errors.New("otelkv: a pipeline without a scrape server has options for one")
	}
	names, err := c.exporters()
	if err != nil {
		return nil, err
	}
	p := &Pipeline{names: names, sources: &sources{}}
	if err := p.build(ctx, catalogue, c); err != nil {
		// What was built runs already. That it has nothing to export, without a
		// provider, is no news.
		_ = p.each(ctx, sdkmetric.Reader.Shutdown)
		return nil, err
	}
	for _, r := range p.readers {
		c.provider = append(c.provider, sdkmetric.WithReader(r))
	}
	p.MeterProvider = sdkmetric.NewMeterProvider(c.provider...)
	if p.handler == nil || c.noServer {
		return p, nil
	}
	if err := p.listen(c); err != nil {
		// Nothing is measured yet that would be worth to wait for a collector.
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		_ = p.Shutdown(canceled)
		return nil, err
	}
	if !c.unstarted {
		p.StartServer()
	}
	return p, nil
}

// build makes the readers, and finds out which one is scraped.
func (p *Pipeline) build(ctx context.Context, catalogue *schema.Catalogue, c config) error {
	settings := Settings{
		Catalogue:  catalogue,
		Prometheus: c.prometheus,
		OTLP:       slices.Clone(c.otlp),
		Console:    c.console,
		sources:    p.sources,
	}
	for _, g := range c.bridged {
		settings.OTLP = append(settings.OTLP, otlp.WithPrometheusBridge(p.withoutOwn(g)))
	}
	var errs []error
	add := func(name string, reader sdkmetric.Reader, err error) {
		switch {
		case err != nil:
			errs = append(errs, err)
			return
		case reader == nil:
			errs = append(errs, fmt.Errorf("otelkv: the factory of %s returned no reader", name))
			return
		}
		p.readers = append(p.readers, reader)
		p.instruments = p.instruments || !explicitBuckets(reader)
		if exporter, ok := reader.(*prometheus.Exporter); ok {
			p.scraped = exporter
		}
		if h, ok := reader.(interface{ Handler() http.Handler }); ok {
			if p.handler != nil {
				errs = append(errs, fmt.Errorf("otelkv: %s: another exporter of the pipeline is scraped already", name))
			}
			p.handler = h.Handler()
		}
	}
	for _, name := range p.names {
		reader, err := c.registry.build(ctx, name, settings)
		add(fmt.Sprintf("exporter %q", name), reader, err)
	}
	for i, factory := range c.readers {
		name := fmt.Sprintf("reader %d", i+1)
		if factory == nil {
			errs = append(errs, fmt.Errorf("otelkv: %s has no factory", name))
			continue
		}
		reader, err := factory(ctx, settings)
		add(name, reader, err)
	}
	return errors.Join(errs...)
}

// explicitBuckets reports whether a reader takes the histograms of a catalogue as
// they are, with boundaries. OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION
// can ask for others.
func explicitBuckets(reader sdkmetric.Reader) bool {
	r, ok := reader.(interface {
		Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation
	})
	if !ok {
		return true
	}
	switch r.Aggregation(sdkmetric.InstrumentKindHistogram).(type) {
	case nil, sdkmetric.AggregationDefault, sdkmetric.AggregationExplicitBucketHistogram:
		return true
	}
	return false
}

func (p *Pipeline) listen(c config) error {
	address, err := c.address()
	if err != nil {
		return err
	}
	p.server, err = prometheus.NewUnstartedServer(address, p.handler, c.server...)
	return err
}

// withoutOwn leaves the pipeline's metrics out of what g gathers. It gathers
// only when the pipeline is built.
func (p *Pipeline) withoutOwn(g promclient.Gatherer) promclient.Gatherer {
	return promclient.GathererFunc(func() ([]*dto.MetricFamily, error) {
		if p.scraped == nil {
			return g.Gather()
		}
		return p.scraped.WithoutExported(g).Gather()
	})
}

// AddSource makes every exporter collect from source until the returned function
// is called. It serves this module's recorder, which calls it. The error says
// what keeps the source out: definitions that another source has differently
// ([ErrConflict]), or an exporter that wants histograms of another form, such as
// exponential ones, which only instruments give.
func (p *Pipeline) AddSource(scope preaggregated.Scope, source preaggregated.Source) (remove func(), err error) {
	if p.instruments {
		return nil, preaggregated.ErrInstruments
	}
	return p.sources.add(scope, source)
}

// ExportFailures returns how many exports failed so far, over all exporters that
// push. A recorder shows it among its self-metrics.
func (p *Pipeline) ExportFailures() int64 {
	var failures int64
	for _, r := range p.readers {
		if f, ok := r.(preaggregated.FailureCounter); ok {
			failures += f.ExportFailures()
		}
	}
	return failures
}

// Handler returns the handler of scrapes, to mount it in a server of the host's.
// Without an exporter that is scraped it answers 404.
func (p *Pipeline) Handler() http.Handler {
	if p.handler == nil {
		return http.NotFoundHandler()
	}
	return p.handler
}

// StartServer begins to serve scrapes after [WithUnstartedServer]. Without a
// scrape server, and where it is started or shut down, it does nothing.
func (p *Pipeline) StartServer() {
	if p.server != nil {
		p.server.Start()
	}
}

// Addr returns the address of the scrape server, or nil where there is none.
func (p *Pipeline) Addr() net.Addr {
	if p.server == nil {
		return nil
	}
	return p.server.Addr()
}

// ForceFlush makes every exporter that pushes collect and export now, all at
// the same time, and returns their errors joined. Scrapes need no flush.
func (p *Pipeline) ForceFlush(ctx context.Context) error {
	return p.each(ctx, func(r sdkmetric.Reader, ctx context.Context) error {
		if f, ok := r.(interface{ ForceFlush(context.Context) error }); ok {
			return f.ForceFlush(ctx)
		}
		return nil
	})
}

// Shutdown exports a last time, ends the scrapes and stops every exporter, all
// at the same time and all by the deadline of ctx, and returns their errors
// joined. When it returns, nothing of the pipeline runs any more. The first call
// does all of this; later ones wait for it and return nil.
func (p *Pipeline) Shutdown(ctx context.Context) error {
	var err error
	p.stop.Do(func() {
		var served error
		var wg sync.WaitGroup
		if p.server != nil {
			wg.Go(func() { served = p.server.Shutdown(ctx) })
		}
		exported := p.each(ctx, sdkmetric.Reader.Shutdown)
		wg.Wait()
		// The provider has to know as well, so that its meters measure no more.
		// All it can return is that its readers are stopped.
		_ = p.MeterProvider.Shutdown(ctx)
		err = errors.Join(exported, served)
	})
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

// each calls f for all readers at the same time, so that one that waits for its
// receiver does not use up the others' deadline.
func (p *Pipeline) each(ctx context.Context, f func(sdkmetric.Reader, context.Context) error) error {
	errs := make([]error, len(p.readers))
	var wg sync.WaitGroup
	for i, r := range p.readers {
		wg.Go(func() { errs[i] = f(r, ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
