// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"slices"
	"sync/atomic"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

// maxBatchSize is the number of points up to which one request carries them. It
// keeps requests below the 4 MiB that a receiver takes by default.
const maxBatchSize = 4000

// A pusher exports through one exporter, at an interval: the recorders' metrics by one
// reader, and those of the host by another, so that nothing of the host's can cost one
// of the recorders'. Each reader has a provider of its own, without instruments, because
// a reader works only with one.
type pusher struct {
	own, host  *sdkmetric.MeterProvider
	failures   *failures
	hostReader sdkmetric.Reader // which reads the host's instruments
}

func newPusher(c config, collectors []*prometheus.Collector, exporter sdkmetric.Exporter) (*pusher, error) {
	shared := &shared{Exporter: exporter, recorders: c.recorders, turn: make(chan struct{}, 1)}
	shared.users.Store(2)
	own := []sdkmetric.PeriodicReaderOption{sdkmetric.WithMaxExportBatchSize(maxBatchSize)}
	own = append(own, c.reader...)
	hosted := append([]sdkmetric.PeriodicReaderOption(nil), own...)
	for _, recorder := range c.recorders {
		producer, err := recorder.Producer(slices.Concat(c.export, c.pushed, []otelkv.ExportOption{
			otelkv.WithSelectors(exporter.Temporality, exporter.Aggregation),
		})...)
		if err != nil {
			return nil, err
		}
		own = append(own, sdkmetric.WithProducer(producer))
	}
	reader := sdkmetric.NewManualReader(
		sdkmetric.WithTemporalitySelector(exporter.Temporality),
		sdkmetric.WithAggregationSelector(exporter.Aggregation))
	hosted = append(hosted, sdkmetric.WithProducer(newHostProducer(reader)))
	for _, g := range c.gatherers {
		gatherer := bridge.WithGatherer(prometheus.WithoutCollectors(g, collectors...))
		hosted = append(hosted, sdkmetric.WithProducer(bridged{bridge.NewMetricProducer(gatherer)}))
	}
	provider := func(options []sdkmetric.PeriodicReaderOption) *sdkmetric.MeterProvider {
		return sdkmetric.NewMeterProvider(
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(shared, options...)),
			sdkmetric.WithResource(c.resource))
	}
	return &pusher{own: provider(own), host: provider(hosted), failures: &shared.failures, hostReader: reader}, nil
}

func (p *pusher) forceFlush(ctx context.Context) error {
	defer p.failures.ask()()
	return each(ctx, []func(context.Context) error{p.own.ForceFlush, p.host.ForceFlush})
}

func (p *pusher) shutdown(ctx context.Context) error {
	defer p.failures.ask()()
	return each(ctx, []func(context.Context) error{p.own.Shutdown, p.host.Shutdown})
}

// shared is an exporter that two readers use. It exports for one at a time, ends when
// both have shut it down, and counts what fails.
type shared struct {
	sdkmetric.Exporter

	recorders []*otelkv.Recorder
	turn      chan struct{}
	users     atomic.Int64
	failures  failures
}

func (s *shared) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if len(rm.ScopeMetrics) == 0 {
		return nil // one of the readers, often
	}
	asked := s.failures.asked()
	var err error
	select {
	case s.turn <- struct{}{}:
		err = exportSplit(ctx, s.Exporter, rm)
		<-s.turn
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	for _, r := range s.recorders {
		r.CountExportFailure()
	}
	return s.failures.failed(err, asked)
}

func (s *shared) Shutdown(ctx context.Context) error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	return s.Exporter.Shutdown(ctx)
}

// MarshalLog describes the exporter to OpenTelemetry's own log, as the exporter
// itself does, so that nothing of its configuration is printed.
func (s *shared) MarshalLog() any {
	if m, ok := s.Exporter.(interface{ MarshalLog() any }); ok {
		return m.MarshalLog()
	}
	return struct{ Type string }{Type: "metric exporter"}
}

// bridged repairs exemplars of the bridge. It takes the bytes of the text of a trace id
// for the id, which no receiver accepts: a Collector refuses the whole request.
type bridged struct{ sdkmetric.Producer }

func (b bridged) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	scopes, err := b.Producer.Produce(ctx)
	for i := range scopes {
		for j := range scopes[i].Metrics {
			repairExemplars(scopes[i].Metrics[j].Data)
		}
	}
	return scopes, err
}
