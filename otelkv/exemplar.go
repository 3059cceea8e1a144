// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/schema"
)

// WithExemplarFilter sets which measurements with a context ([Int64Counter.AddContext],
// [Histogram.RecordContext], [Engine.Observe]) are offered as exemplars. Without it
// OTEL_METRICS_EXEMPLAR_FILTER says so: trace_based, which is the default and offers
// those in a sampled span, always_on or always_off.
func WithExemplarFilter(filter exemplar.Filter) Option {
	return optionFunc(func(c *config) { c.exemplarFilter, c.traceBased = filter, false })
}

// setExemplarFilter sets the filter that the environment asks for.
func (c *config) setExemplarFilter() {
	const variable = "OTEL_METRICS_EXEMPLAR_FILTER"
	switch value := os.Getenv(variable); strings.ToLower(strings.TrimSpace(value)) {
	case "always_on":
		c.exemplarFilter = exemplar.AlwaysOnFilter
		return
	case "always_off":
		c.exemplarFilter = exemplar.AlwaysOffFilter
		return
	case "", "trace_based":
	default:
		otel.Handle(fmt.Errorf("otelkv: %s is %q: expected trace_based, always_on or always_off", variable, value))
	}
	c.exemplarFilter, c.traceBased = exemplar.TraceBasedFilter, true
}

// maySample reports, at the price of a comparison, whether the filter has to be asked
// about the context.
func (m *recorderMetric) maySample(ctx context.Context) bool {
	return ctx != context.Background() || !m.traceBased
}

// offerInt64 offers a measurement as an exemplar of the series, if the filter takes it
// and it was not refused.
func (s *series) offerInt64(ctx context.Context, value int64) {
	if value >= 0 && s.metric.recorder.config.exemplarFilter(ctx) {
		s.offer(ctx, exemplar.NewValue(value))
	}
}

// offerFloat64 is offerInt64 for floating-point numbers.
func (s *series) offerFloat64(ctx context.Context, value float64) {
	if value >= 0 && finite(value) && s.metric.recorder.config.exemplarFilter(ctx) {
		s.offer(ctx, exemplar.NewValue(value))
	}
}

// offer offers a measurement as an exemplar of the series.
func (s *series) offer(ctx context.Context, value exemplar.Value) {
	extras := s.extend()
	reservoir := extras.reservoir.Load()
	if reservoir == nil {
		var aggregation sdkmetric.Aggregation = sdkmetric.AggregationSum{}
		if d := &s.metric.definition; d.Kind() == schema.KindHistogram {
			aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: d.Boundaries}
		}
		fresh := sdkmetric.DefaultExemplarReservoirProviderSelector(aggregation)(s.attributes)
		extras.reservoir.CompareAndSwap(nil, &fresh)
		reservoir = extras.reservoir.Load()
	}
	(*reservoir).Offer(ctx, time.Now(), value, nil)
}

// exemplars returns the exemplars of the series that are newer than since.
func (s *series) exemplars(since time.Time) []exemplar.Exemplar {
	e := s.extras.Load()
	if e == nil {
		return nil
	}
	reservoir := e.reservoir.Load()
	if reservoir == nil {
		return nil
	}
	var held []exemplar.Exemplar
	(*reservoir).Collect(&held)
	kept := held[:0]
	for _, e := range held {
		if e.Time.After(since) {
			kept = append(kept, e)
		}
	}
	return kept
}

// exemplarsOf returns exemplars as points carry them, with the attributes that a view
// has taken from the point.
func exemplarsOf[N int64 | float64](held []exemplar.Exemplar, filtered []attribute.KeyValue) []metricdata.Exemplar[N] {
	all := make([]metricdata.Exemplar[N], 0, len(held))
	for _, e := range held {
		value := N(e.Value.Int64())
		if e.Value.Type() == exemplar.Float64ValueType {
			value = N(e.Value.Float64())
		}
		all = append(all, metricdata.Exemplar[N]{
			FilteredAttributes: filtered, Time: e.Time, Value: value, SpanID: e.SpanID, TraceID: e.TraceID,
		})
	}
	return all
}
