package otelkvtest

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// A Recorder is a recorder whose metrics stay in memory. Two readers collect
// from it, one that wants totals and one that wants deltas.
type Recorder struct {
	*otelkv.Recorder

	t          testing.TB
	cumulative sdkmetric.Reader
	delta      sdkmetric.Reader
}

// An Option changes what [NewRecorder] returns.
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	recorder []otelkv.Option
	foreign  bool
}

// WithRecorderOptions passes options to the recorder.
func WithRecorderOptions(options ...otelkv.Option) Option {
	return optionFunc(func(c *config) { c.recorder = append(c.recorder, options...) })
}

// WithSDKProvider puts the recorder on a plain MeterProvider of the SDK instead
// of a pipeline of package exporters, as in a service that has its own.
func WithSDKProvider() Option {
	return optionFunc(func(c *config) { c.foreign = true })
}

// NewRecorder returns a recorder of the catalogue's metrics. It ends with the
// test. Errors fail the test.
func NewRecorder(t testing.TB, catalogue *schema.Catalogue, options ...Option) *Recorder {
	t.Helper()
	var c config
	for _, o := range options {
		o.apply(&c)
	}
	provider, cumulative, delta := newProvider(t, catalogue, c.foreign)
	recorder, err := otelkv.New(catalogue, append(c.recorder[:len(c.recorder):len(c.recorder)], otelkv.WithMeterProvider(provider))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := recorder.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Recorder{Recorder: recorder, t: t, cumulative: cumulative, delta: delta}
}

// newProvider returns a provider and its two readers.
func newProvider(t testing.TB, catalogue *schema.Catalogue, foreign bool) (provider metric.MeterProvider, cumulative, delta sdkmetric.Reader) {
	if foreign {
		cumulative = sdkmetric.NewManualReader()
		delta = sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(deltas))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(cumulative), sdkmetric.WithReader(delta))
		t.Cleanup(func() { shutDown(t, provider) })
		return provider, cumulative, delta
	}
	reader := func(to *sdkmetric.Reader, temporality sdkmetric.TemporalitySelector) exporters.Option {
		return exporters.WithReader(func(_ context.Context, settings exporters.Settings) (sdkmetric.Reader, error) {
			*to = sdkmetric.NewManualReader(
				sdkmetric.WithTemporalitySelector(temporality),
				sdkmetric.WithProducer(settings.Producer(temporality)))
			return *to, nil
		})
	}
	pipeline, err := exporters.New(t.Context(), catalogue, exporters.WithExporters(exporters.None), exporters.WithoutServer(),
		reader(&cumulative, sdkmetric.CumulativeTemporalitySelector), reader(&delta, deltas))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutDown(t, pipeline) })
	return pipeline, cumulative, delta
}

func deltas(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }

func shutDown(t testing.TB, provider interface{ Shutdown(context.Context) error }) {
	if err := provider.Shutdown(context.Background()); err != nil && !errors.Is(err, sdkmetric.ErrReaderShutdown) {
		t.Error(err)
	}
}

// Collect returns what an exporter of totals would export now, such as that of
// Prometheus.
func (r *Recorder) Collect() *Metrics {
	r.t.Helper()
	return r.collect(r.cumulative)
}

// CollectDelta returns what an exporter of deltas would export now: what came
// since the last CollectDelta.
func (r *Recorder) CollectDelta() *Metrics {
	r.t.Helper()
	return r.collect(r.delta)
}

func (r *Recorder) collect(reader sdkmetric.Reader) *Metrics {
	r.t.Helper()
	m := &Metrics{t: r.t}
	if err := reader.Collect(r.t.Context(), &m.ResourceMetrics); err != nil {
		r.t.Fatal(err)
	}
	return m
}
