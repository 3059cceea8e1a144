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

// A pusher exports through one exporter, at an interval. One reader collects the recorders'
// metrics and then the host's. The latter never fail, and take half of the time at most, so
// that a fault of the host costs no metric of a recorder.
type pusher struct {
	push

	exporting  *exporting
	hostReader sdkmetric.Reader         // of the host's instruments
	provider   *sdkmetric.MeterProvider // of the reader that exports
}

func newPusher(c config, p push) *pusher {
	exporting := &exporting{Exporter: p.exporter, recorders: c.recorders}
	return &pusher{push: p, exporting: exporting, hostReader: sdkmetric.NewManualReader(
		sdkmetric.WithTemporalitySelector(p.exporter.Temporality),
		sdkmetric.WithAggregationSelector(p.exporter.Aggregation))}
}

func (p *pusher) start(c config, collectors []*prometheus.Collector, r *resource.Resource) error {
	options := []sdkmetric.PeriodicReaderOption{sdkmetric.WithMaxExportBatchSize(maxBatchSize)}
	for _, recorder := range c.recorders {
		producer, err := recorder.Producer(slices.Concat(c.export, []otelkv.ExportOption{
			otelkv.WithSelectors(p.exporter.Temporality, p.exporter.Aggregation),
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
	reader := sdkmetric.NewPeriodicReader(p.exporting, append(options, p.reader...)...)
	p.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(r))
	return nil
}

func (p *pusher) forceFlush(ctx context.Context) error {
	p.exporting.asking.Add(1)
	defer p.exporting.asking.Add(-1)
	return p.provider.ForceFlush(ctx)
}

func (p *pusher) shutdown(ctx context.Context) error {
	if p.provider == nil { // Start failed
		return p.exporter.Shutdown(ctx)
	}
	p.exporting.asking.Add(1)
	defer p.exporting.asking.Add(-1)
	return p.provider.Shutdown(ctx)
}

// exporting is the exporter of a reader. It sends the recorders' metrics and the host's in
// requests of their own, so that a fault of the host costs no metric of a recorder. It
// counts failures, shortens their errors, and limits the reports of them.
type exporting struct {
	sdkmetric.Exporter

	recorders []*otelkv.Recorder
	asking    atomic.Int64 // calls of forceFlush and shutdown in progress, which return the errors
	throttle  reports.Throttle
}

func (e *exporting) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	// A reader does not say why it exports, so this is also true for a push at the interval
	// during such a call. Its error is then reported too often.
	asked := e.asking.Load() > 0
	own := slices.IndexFunc(rm.ScopeMetrics, func(s metricdata.ScopeMetrics) bool { return s.Scope.Name != otelkv.ScopeName })
	if own < 0 {
		own = len(rm.ScopeMetrics)
	}
	var errs []error
	for _, scopes := range [][]metricdata.ScopeMetrics{rm.ScopeMetrics[:own], rm.ScopeMetrics[own:]} {
		if len(scopes) > 0 {
			part := &metricdata.ResourceMetrics{Resource: rm.Resource, ScopeMetrics: scopes}
			errs = append(errs, e.failed(exportHalves(ctx, e.Exporter, part, maxSplits), asked))
		}
	}
	return errors.Join(errs...)
}

// failed counts an error of an export, and returns it if a caller asked for it or if it is
// to be reported.
func (e *exporting) failed(err error, asked bool) error {
	const prefix = "otelkv: export: "
	if err == nil {
		return nil
	}
	for _, r := range e.recorders {
		r.CountExportFailure()
	}
	if asked {
		return reports.Quote(prefix, err)
	}
	return e.throttle.Report(prefix, err, time.Now())
}

// MarshalLog describes the exporter for OpenTelemetry's own log as the exporter does, so
// that its configuration is not printed.
func (e *exporting) MarshalLog() any {
	if m, ok := e.Exporter.(interface{ MarshalLog() any }); ok {
		return m.MarshalLog()
	}
	return struct{ Type string }{Type: "metric exporter"}
}
