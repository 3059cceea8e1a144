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
)

// WithExemplarFilter sets which measurements with a context ([Int64Counter.AddContext],
// [Histogram.RecordContext], [Engine.Observe]) are offered as exemplars. Without it the
// environment variable OTEL_METRICS_EXEMPLAR_FILTER decides: trace_based, which is the
// default and takes those in a sampled span, always_on or always_off.
func WithExemplarFilter(filter exemplar.Filter) Option {
	return func(c *config) { c.exemplarFilter, c.traceBased = filter, false }
}

// setExemplarFilter sets the filter that the environment names.
func (c *config) setExemplarFilter() {
	const variable = "OTEL_METRICS_EXEMPLAR_FILTER"
	c.exemplarFilter, c.traceBased = exemplar.TraceBasedFilter, true
	switch value := os.Getenv(variable); strings.ToLower(strings.TrimSpace(value)) {
	case "always_on":
		c.exemplarFilter, c.traceBased = exemplar.AlwaysOnFilter, false
	case "always_off":
		c.exemplarFilter, c.traceBased = exemplar.AlwaysOffFilter, false
	case "", "trace_based":
	default:
		otel.Handle(fmt.Errorf("otelkv: %s is %q: expected trace_based, always_on or always_off", variable, value))
	}
}

// maySample reports whether the filter must be asked about the context. It costs one
// comparison.
func (m *recorderMetric) maySample(ctx context.Context) bool {
	return ctx != context.Background() || !m.traceBased
}

// offer offers a measurement as an exemplar of the series, if the filter accepts it and the
// number is valid.
func offer[N int64 | float64](ctx context.Context, s *series, value N) {
	if value < 0 || !finite(float64(value)) || !s.metric.recorder.config.exemplarFilter(ctx) {
		return
	}
	extras := s.extend()
	reservoir := extras.reservoir.Load()
	if reservoir == nil {
		var aggregation sdkmetric.Aggregation = sdkmetric.AggregationSum{}
		if s.cell != nil {
			aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: s.metric.definition.Boundaries}
		}
		fresh := sdkmetric.DefaultExemplarReservoirProviderSelector(aggregation)(s.attributes)
		extras.reservoir.CompareAndSwap(nil, &fresh)
		reservoir = extras.reservoir.Load()
	}
	(*reservoir).Offer(ctx, time.Now(), exemplar.NewValue(value), nil)
}

// appendExemplars appends the exemplars of the series that are newer than since, with the
// attributes that a view has removed from the point.
func appendExemplars[N int64 | float64](all []metricdata.Exemplar[N], s *series, since time.Time, filtered []attribute.KeyValue) []metricdata.Exemplar[N] {
	e := s.extras.Load()
	if e == nil {
		return all
	}
	reservoir := e.reservoir.Load()
	if reservoir == nil {
		return all
	}
	var held []exemplar.Exemplar
	(*reservoir).Collect(&held)
	for _, e := range held {
		if !e.Time.After(since) {
			continue
		}
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
