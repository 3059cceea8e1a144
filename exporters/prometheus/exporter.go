package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel"
	stock "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters/internal/relay"
	"github.com/otelkv/otelkv-go/schema"
)

// An Exporter shows a MeterProvider's metrics to Prometheus. It is a reader:
// give it to sdkmetric.WithReader. It measures nothing and starts nothing; each
// scrape collects. It is safe for concurrent use.
type Exporter struct {
	sdkmetric.Reader

	translator *translator
	// scraped owns the stock exporter's reader, which works only with a provider.
	scraped *sdkmetric.MeterProvider
	handler http.Handler
}

// New returns an exporter that shows the metrics of the catalogue under their
// Prometheus names, exactly, and all other metrics of the MeterProvider under
// the standard translation of their names with labels for their scope.
//
// The error is the registerer's, see [WithRegisterer].
func New(catalogue *schema.Catalogue, opts ...Option) (*Exporter, error) {
	if catalogue == nil {
		return nil, errors.New("otelkv: the Prometheus exporter needs a catalogue")
	}
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	source := relay.New(cfg.producers)
	renamed := &renaming{relay: source, translator: newTranslator(catalogue), targetInfo: cfg.targetInfo}
	registry := promclient.NewRegistry()
	shared := &sharing{Registerer: registry, host: cfg.registerer}
	reader, err := stock.New(
		stock.WithProducer(renamed),
		stock.WithRegisterer(shared),
		// Names arrive as they are to be shown. Every other strategy changes the
		// counters whose names end in "total", such as kv:subtotal.
		stock.WithTranslationStrategy(otlptranslator.NoTranslation),
		stock.WithoutScopeInfo(),
		stock.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("otelkv: Prometheus exporter: %w", err)
	}
	return &Exporter{
		Reader:     source.ManualReader,
		translator: renamed.translator,
		scraped:    sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(resource.Empty())),
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{
			// One metric that cannot be shown must not take the others with it.
			ErrorHandling:       promhttp.ContinueOnError,
			ErrorLog:            errorLog{},
			EnableOpenMetrics:   true,
			MaxRequestsInFlight: cfg.maxConcurrentScrapes,
		}),
	}, nil
}

// Handler returns the handler of scrapes. It shows this exporter's metrics, in
// the text format or as OpenMetrics, compressed if the request accepts that, and
// answers 503 beyond the bound of [WithMaxConcurrentScrapes]. What cannot be
// shown is left out and reported to the error handler of package otel.
func (e *Exporter) Handler() http.Handler { return e.handler }

// Shutdown ends the exporter. Scrapes are empty from then on. A second call
// returns sdkmetric.ErrReaderShutdown.
func (e *Exporter) Shutdown(ctx context.Context) error {
	return errors.Join(e.Reader.Shutdown(ctx), e.scraped.Shutdown(ctx))
}

// WithoutExported returns a gatherer that gathers from g and leaves out the
// families that come from this exporter. It serves to send a registry's other
// collectors over OTLP, when the exporter's metrics are registered there as well
// ([WithRegisterer]) and are sent already.
func (e *Exporter) WithoutExported(g promclient.Gatherer) promclient.Gatherer {
	return promclient.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := g.Gather()
		return slices.DeleteFunc(families, func(mf *dto.MetricFamily) bool {
			return e.translator.owns(mf.GetName())
		}), err
	})
}

// renaming collects from the provider that measures and translates.
type renaming struct {
	relay      *relay.Relay
	translator *translator
	targetInfo bool
}

// Produce returns what a scrape can show, beside what went wrong.
func (r *renaming) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	collected, err := r.relay.Produce(ctx)
	if relay.Stopped(err) {
		return nil, err
	}
	translated, terr := r.translator.translate(collected)
	if r.targetInfo {
		translated = append(translated, targetInfo(r.relay.Resource()))
	}
	return translated, errors.Join(err, terr)
}

// sharing registers a collector with a registry and with the host's registerer,
// if there is one.
type sharing struct {
	promclient.Registerer
	host promclient.Registerer
}

func (s *sharing) Register(c promclient.Collector) error {
	if s.host != nil {
		if err := s.host.Register(c); err != nil {
			return err
		}
	}
	return s.Registerer.Register(c)
}

// errorLog hands the handler's errors to the error handler of package otel.
type errorLog struct{}

func (errorLog) Println(v ...any) { otel.Handle(errors.New("otelkv: scrape: " + fmt.Sprint(v...))) }
