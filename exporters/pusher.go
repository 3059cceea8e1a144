// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/reports"
	"github.com/otelkv/otelkv-go/otelkv"
)

// maxBatchSize is how many points one request carries at most. It keeps requests below
// the 4 MiB that receivers take by default.
const maxBatchSize = 4000

// A pusher exports through one exporter, at an interval. One reader collects the recorders'
// metrics and another the host's, so that a fault of the host costs no metric of a
// recorder. Each reader has a provider of its own, because a reader serves only one.
type pusher struct {
	push

	shared     *shared
	hostReader sdkmetric.Reader           // of the host's instruments
	providers  []*sdkmetric.MeterProvider // of the two readers
}

func newPusher(c config, p push) *pusher {
	shared := &shared{Exporter: p.exporter, recorders: c.recorders, turn: make(chan struct{}, 1)}
	shared.users.Store(2)
	return &pusher{push: p, shared: shared, hostReader: sdkmetric.NewManualReader(
		sdkmetric.WithTemporalitySelector(p.exporter.Temporality),
		sdkmetric.WithAggregationSelector(p.exporter.Aggregation))}
}

func (p *pusher) start(c config, collectors []*prometheus.Collector, r *resource.Resource) error {
	var own, host []sdkmetric.Producer
	for _, recorder := range c.recorders {
		producer, err := recorder.Producer(slices.Concat(c.export, []otelkv.ExportOption{
			otelkv.WithSelectors(p.exporter.Temporality, p.exporter.Aggregation),
		})...)
		if err != nil {
			return err
		}
		own = append(own, producer)
	}
	host = append(host, newHostProducer(p.hostReader))
	for _, g := range c.gatherers {
		gatherer := bridge.WithGatherer(prometheus.WithoutCollectors(g, collectors...))
		host = append(host, bridged{bridge.NewMetricProducer(gatherer)})
	}
	for _, producers := range [][]sdkmetric.Producer{own, host} {
		options := append([]sdkmetric.PeriodicReaderOption{sdkmetric.WithMaxExportBatchSize(maxBatchSize)}, p.reader...)
		for _, producer := range producers {
			options = append(options, sdkmetric.WithProducer(producer))
		}
		p.providers = append(p.providers, sdkmetric.NewMeterProvider(
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(p.shared, options...)), sdkmetric.WithResource(r)))
	}
	return nil
}

func (p *pusher) forceFlush(ctx context.Context) error {
	return p.each(ctx, (*sdkmetric.MeterProvider).ForceFlush)
}

func (p *pusher) shutdown(ctx context.Context) error {
	if p.providers == nil { // Start failed
		return p.exporter.Shutdown(ctx)
	}
	return p.each(ctx, (*sdkmetric.MeterProvider).Shutdown)
}

func (p *pusher) each(ctx context.Context, f func(*sdkmetric.MeterProvider, context.Context) error) error {
	p.shared.asking.Add(1)
	defer p.shared.asking.Add(-1)
	var all []func(context.Context) error
	for _, provider := range p.providers {
		all = append(all, func(ctx context.Context) error { return f(provider, ctx) })
	}
	return each(ctx, all)
}

// shared is an exporter that two readers use. It exports for one at a time, shuts down
// when both have asked for it, and counts failures. It shortens their errors, and limits
// the reports of them.
type shared struct {
	sdkmetric.Exporter

	recorders []*otelkv.Recorder
	turn      chan struct{}
	users     atomic.Int64
	asking    atomic.Int64 // calls of ForceFlush and Shutdown in progress, which return the errors
	throttle  reports.Throttle
}

func (s *shared) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if len(rm.ScopeMetrics) == 0 {
		return nil // often true of one reader
	}
	// A reader does not say why it exports, so this is also true for a push at the interval
	// during such a call. Its error is then reported too often.
	asked := s.asking.Load() > 0
	var err error
	select {
	case s.turn <- struct{}{}:
		err = exportHalves(ctx, s.Exporter, rm, maxSplits)
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
	const prefix = "otelkv: export: "
	if asked {
		return reports.Quote(prefix, err)
	}
	return s.throttle.Report(prefix, err, time.Now())
}

func (s *shared) Shutdown(ctx context.Context) error {
	if s.users.Add(-1) > 0 {
		return nil
	}
	return s.Exporter.Shutdown(ctx)
}

// MarshalLog describes the exporter for OpenTelemetry's own log as the exporter does, so
// that its configuration is not printed.
func (s *shared) MarshalLog() any {
	if m, ok := s.Exporter.(interface{ MarshalLog() any }); ok {
		return m.MarshalLog()
	}
	return struct{ Type string }{Type: "metric exporter"}
}

// bridged repairs exemplars of the bridge, which takes the text of a trace id for the id.
// A Collector refuses a whole request with such an id.
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
