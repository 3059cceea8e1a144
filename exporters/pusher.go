// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

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

// A pusher is an exporter with the reader that exports through it, at an interval. The
// reader collects the recorders' metrics and then the host's. The latter never fail, and
// take half of the time at most, so that a fault of the host costs no metric of a recorder.
//
// A pusher counts failed exports, shortens their errors, and limits the reports of them.
type pusher struct {
	push

	recorders  []*otelkv.Recorder
	hostReader sdkmetric.Reader         // of the host's instruments
	provider   *sdkmetric.MeterProvider // of the reader that exports
	asking     atomic.Int64             // calls of flush and stop in progress, which return the errors
	throttle   reports.Throttle
}

func newPusher(c config, p push) *pusher {
	return &pusher{push: p, recorders: c.recorders, hostReader: sdkmetric.NewManualReader(
		sdkmetric.WithTemporalitySelector(p.Temporality),
		sdkmetric.WithAggregationSelector(p.Aggregation))}
}

func (p *pusher) start(c config, collectors []*prometheus.Collector, r *resource.Resource) error {
	options := []sdkmetric.PeriodicReaderOption{sdkmetric.WithMaxExportBatchSize(maxBatchSize)}
	for _, recorder := range p.recorders {
		producer, err := recorder.Producer(slices.Concat(c.export, []otelkv.ExportOption{
			otelkv.WithSelectors(p.Temporality, p.Aggregation),
		})...)
		if err != nil {
			return err
		}
		options = append(options, sdkmetric.WithProducer(producer))
	}
	options = append(options, sdkmetric.WithProducer(newHostProducer(p.hostReader)))
	for _, g := range c.gatherers {
		options = append(options, sdkmetric.WithProducer(newBridge(prometheus.WithoutCollectors(g, collectors...))))
	}
	reader := sdkmetric.NewPeriodicReader(p, append(options, p.reader...)...)
	p.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(r))
	return nil
}

func (p *pusher) flush(ctx context.Context) error {
	p.asking.Add(1)
	defer p.asking.Add(-1)
	return p.provider.ForceFlush(ctx)
}

func (p *pusher) stop(ctx context.Context) error {
	if p.provider == nil { // Start failed
		return p.Shutdown(ctx)
	}
	p.asking.Add(1)
	defer p.asking.Add(-1)
	return p.provider.Shutdown(ctx)
}

// Export sends the recorders' metrics and the host's in requests of their own, because
// a collector may refuse a whole request for one bad metric.
func (p *pusher) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	// A reader does not say why it exports, so this is also true for a push at the interval
	// during such a call. Its error is then reported too often.
	asked := p.asking.Load() > 0
	own := slices.IndexFunc(rm.ScopeMetrics, func(s metricdata.ScopeMetrics) bool { return s.Scope.Name != otelkv.ScopeName })
	if own < 0 {
		own = len(rm.ScopeMetrics)
	}
	var errs []error
	for _, scopes := range [][]metricdata.ScopeMetrics{rm.ScopeMetrics[:own], rm.ScopeMetrics[own:]} {
		if len(scopes) > 0 {
			part := &metricdata.ResourceMetrics{Resource: rm.Resource, ScopeMetrics: scopes}
			errs = append(errs, p.failed(exportHalves(ctx, p.Exporter, part, maxSplits), asked))
		}
	}
	return errors.Join(errs...)
}

// failed counts an error of an export, and returns it if a caller asked for it or if it is
// to be reported.
func (p *pusher) failed(err error, asked bool) error {
	const prefix = "otelkv: export: "
	if err == nil {
		return nil
	}
	for _, r := range p.recorders {
		r.CountExportFailure()
	}
	if asked {
		return reports.Quote(prefix, err)
	}
	return p.throttle.Report(prefix, err, time.Now())
}

// MarshalLog describes the exporter for OpenTelemetry's own log as the exporter does, so
// that its configuration is not printed.
func (p *pusher) MarshalLog() any {
	if m, ok := p.Exporter.(interface{ MarshalLog() any }); ok {
		return m.MarshalLog()
	}
	return struct{ Type string }{Type: "metric exporter"}
}
