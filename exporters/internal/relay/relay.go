// Package relay carries metrics from one MeterProvider to a reader of another.
//
// The SDK ties three things together that the exporters need apart. A reader
// that exports periodically loses a whole collection when one callback returns
// an error, a callback that panics ends the process, and metrics can be renamed
// for every reader only. A [Relay] stands between: it reads the provider that
// measures, keeps what was collected beside any error, and hands it on as an
// sdkmetric.Producer, where it can be changed for one exporter alone.
package relay

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// A Relay is a reader of the provider that measures and a producer for the
// reader that exports. It is safe for concurrent use.
type Relay struct {
	*sdkmetric.ManualReader

	producers []sdkmetric.Producer
	resource  atomic.Pointer[resource.Resource]
}

// New returns a relay that adds the metrics of the producers to those of the
// provider that it is registered with.
func New(producers []sdkmetric.Producer, opts ...sdkmetric.ManualReaderOption) *Relay {
	return &Relay{ManualReader: sdkmetric.NewManualReader(opts...), producers: producers}
}

// Produce collects from the provider and from every producer. What it returns
// belongs to the caller, has no text but valid UTF-8, and is complete beside any
// error, except that a relay which is not registered or is shut down returns only
// the error.
func (r *Relay) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	var rm metricdata.ResourceMetrics
	err := guard("a callback", func() error { return r.Collect(ctx, &rm) })
	if Stopped(err) {
		return nil, err
	}
	if rm.Resource != nil {
		r.resource.Store(repairResource(rm.Resource))
	}
	collected, errs := rm.ScopeMetrics, []error{err}
	for _, p := range r.producers {
		errs = append(errs, guard("a producer", func() error {
			produced, err := p.Produce(ctx)
			collected = append(collected, produced...)
			return err
		}))
	}
	repair(collected)
	return collected, errors.Join(errs...)
}

// Resource returns the resource of the provider that measures, as of the last
// collection.
func (r *Relay) Resource() *resource.Resource {
	if res := r.resource.Load(); res != nil {
		return res
	}
	return resource.Default()
}

// Stopped reports whether err says that a reader has no provider to read, not
// yet or no longer.
func Stopped(err error) bool {
	return errors.Is(err, sdkmetric.ErrReaderShutdown) || errors.Is(err, sdkmetric.ErrReaderNotRegistered)
}

// guard turns a panic of code that is not this library's into an error, so that
// one metric of the host cannot stop the others from leaving the process.
func guard(culprit string, collect func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("otelkv: %s panicked while metrics were collected: %v", culprit, p)
		}
	}()
	return collect()
}
