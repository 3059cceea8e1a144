package relay

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// A Periodic is a reader that exports at an interval, as the SDK's
// PeriodicReader does, and exports what was collected even where a callback
// returned an error or panicked. Such errors go to the error handler of package
// otel.
type Periodic struct {
	*sdkmetric.ManualReader

	relay       *Relay
	reader      *sdkmetric.PeriodicReader
	failures    *atomic.Int64
	aggregation sdkmetric.AggregationSelector
}

// NewPeriodic returns a reader that starts to export when it is registered with
// a MeterProvider and runs until it is shut down. The exporter's temporality and
// aggregation hold for the provider's instruments.
func NewPeriodic(exporter sdkmetric.Exporter, producers []sdkmetric.Producer, opts ...sdkmetric.PeriodicReaderOption) *Periodic {
	relay := New(producers,
		sdkmetric.WithTemporalitySelector(exporter.Temporality),
		sdkmetric.WithAggregationSelector(exporter.Aggregation))
	opts = append(opts[:len(opts):len(opts)], sdkmetric.WithProducer(handled{relay}))
	failures := new(atomic.Int64)
	p := &Periodic{
		ManualReader: relay.ManualReader,
		relay:        relay,
		failures:     failures,
		aggregation:  exporter.Aggregation,
		reader:       sdkmetric.NewPeriodicReader(resourced{exporter, relay, failures}, opts...),
	}
	// A reader works only with a provider. This one has no instruments, and
	// lives and ends with its reader.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.reader), sdkmetric.WithResource(resource.Empty()))
	return p
}

// Collect gathers what the next export would carry.
func (p *Periodic) Collect(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	err := p.reader.Collect(ctx, rm)
	if rm != nil {
		rm.Resource = p.relay.Resource()
	}
	return err
}

// ForceFlush collects and exports now.
func (p *Periodic) ForceFlush(ctx context.Context) error { return p.reader.ForceFlush(ctx) }

// Shutdown exports a last time, stops the interval and shuts the exporter down.
// Later calls return sdkmetric.ErrReaderShutdown.
func (p *Periodic) Shutdown(ctx context.Context) error {
	return errors.Join(p.reader.Shutdown(ctx), p.ManualReader.Shutdown(ctx))
}

// Aggregation returns how the exporter wants instruments of a kind aggregated.
func (p *Periodic) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return p.aggregation(kind)
}

// ExportFailures returns how many exports failed so far.
func (p *Periodic) ExportFailures() int64 { return p.failures.Load() }

// MarshalLog describes the reader to OpenTelemetry's own log.
func (p *Periodic) MarshalLog() any { return p.reader.MarshalLog() }

// handled reports a producer's errors instead of returning them, because the
// SDK's periodic reader exports nothing when a producer returns one.
type handled struct{ relay *Relay }

func (h handled) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	collected, err := h.relay.Produce(ctx)
	if err == nil || Stopped(err) {
		return collected, err
	}
	otel.Handle(err)
	return collected, nil
}

// resourced exports metrics as those of the resource that they were measured
// for, which the provider that exports them does not know, and counts what fails.
type resourced struct {
	sdkmetric.Exporter
	relay    *Relay
	failures *atomic.Int64
}

func (r resourced) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	out := *rm
	out.Resource = r.relay.Resource()
	err := r.Exporter.Export(ctx, &out)
	if err != nil {
		r.failures.Add(1)
	}
	return err
}

// MarshalLog describes the exporter to OpenTelemetry's own log, as the exporter
// itself does, so that nothing of its configuration is printed.
func (r resourced) MarshalLog() any {
	if m, ok := r.Exporter.(interface{ MarshalLog() any }); ok {
		return m.MarshalLog()
	}
	return struct{ Type string }{Type: "metric exporter"}
}
