// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// span returns a context with a span of the given number.
func withSpan(ctx context.Context, number byte, flags trace.TraceFlags) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: number}, SpanID: trace.SpanID{7: number}, TraceFlags: flags,
	}))
}

// exemplarsIn returns the exemplars of all points, as the metric's name, the number of
// the span, the value and the attributes that views took away.
func exemplarsIn(t *testing.T, producer *otelkv.Producer) []string {
	t.Helper()
	scopes, err := producer.Produce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, scope := range scopes {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					all = append(all, exemplarsAsText(m.Name, p.Exemplars)...)
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					all = append(all, exemplarsAsText(m.Name, p.Exemplars)...)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					all = append(all, exemplarsAsText(m.Name, p.Exemplars)...)
				}
			}
		}
	}
	return all
}

func exemplarsAsText[N int64 | float64](name string, exemplars []metricdata.Exemplar[N]) []string {
	var all []string
	for _, e := range exemplars {
		span := byte(0)
		if len(e.TraceID) > 0 {
			span = e.TraceID[len(e.TraceID)-1]
		}
		filtered := attribute.NewSet(e.FilteredAttributes...)
		all = append(all, fmt.Sprintf("%s %d %v %s", name, span, e.Value, filtered.Encoded(attribute.DefaultEncoder())))
	}
	return all
}

func newProducer(t *testing.T, recorder *otelkv.Recorder, options ...otelkv.ExportOption) *otelkv.Producer {
	t.Helper()
	producer, err := recorder.Producer(options...)
	if err != nil {
		t.Fatal(err)
	}
	return producer
}

func newParity(t *testing.T, options ...otelkv.Option) (*otelkv.Recorder, *otelkv.Engine) {
	t.Helper()
	recorder, err := otelkv.New(schema.MustCatalogue(parityBytes, parityTime, parityJobs, parityUsage, paritySize, parityCopy, paritySample), options...)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	return recorder, engine
}

func TestExemplars(t *testing.T) {
	recorder, engine := newParity(t)
	cumulative, delta := newProducer(t, recorder), newProducer(t, recorder, otelkv.WithSelectors(sdkmetric.DeltaTemporalitySelector, nil))
	bytes := must[otelkv.Int64Counter](t)(engine.Int64Counter(parityBytes, "1:fs"))
	seconds := must[otelkv.Float64Counter](t)(engine.Float64Counter(parityTime, "1:fs"))
	sizes := must[otelkv.Histogram](t)(engine.Histogram(paritySize, "1:fs"))

	// No sampled span, no exemplar.
	bytes.AddContext(t.Context(), 1)
	bytes.AddContext(withSpan(t.Context(), 9, 0), 1)
	bytes.Add(1)
	seconds.AddContext(context.Background(), 1)
	sizes.RecordContext(t.Context(), 1)
	if got := exemplarsIn(t, cumulative); got != nil {
		t.Errorf("without a sampled span there are %q", got)
	}

	bytes.AddContext(withSpan(t.Context(), 1, trace.FlagsSampled), 5)
	seconds.AddContext(withSpan(t.Context(), 2, trace.FlagsSampled), 0.5)
	sizes.RecordContext(withSpan(t.Context(), 3, trace.FlagsSampled), 7)
	// What is refused is no exemplar.
	bytes.AddContext(withSpan(t.Context(), 4, trace.FlagsSampled), -5)
	sizes.RecordContext(withSpan(t.Context(), 4, trace.FlagsSampled), -5)
	want := []string{"p.bytes 1 5 ", "p.time 2 0.5 ", "p.size 3 7 ", "p.copy 1 5 ", "p.sample 3 7 "}
	for range 2 {
		if diff := cmp.Diff(want, exemplarsIn(t, cumulative)); diff != "" {
			t.Errorf("cumulative (-want +got):\n%s", diff)
		}
	}
	// A delta has those of its time only.
	if diff := cmp.Diff(want, exemplarsIn(t, delta)); diff != "" {
		t.Errorf("delta (-want +got):\n%s", diff)
	}
	if got := exemplarsIn(t, delta); got != nil {
		t.Errorf("the next delta has %q again", got)
	}
	filtered := newProducer(t, recorder, otelkv.WithViews(sdkmetric.NewView(
		sdkmetric.Instrument{Name: "p.*"}, sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter("tier")})))
	for i := range want {
		want[i] += "tier=1:fs"
	}
	if diff := cmp.Diff(want, exemplarsIn(t, filtered)); diff != "" {
		t.Errorf("with a filter (-want +got):\n%s", diff)
	}
}

func TestExemplarsOfPayloads(t *testing.T) {
	recorder, engine := newParity(t)
	producer := newProducer(t, recorder)
	payload := new(stats.Payload)
	for _, err := range []error{
		payload.AddCounter("p_bytes", stats.Int64(3), "1:fs"),
		payload.RecordHistogram("p_size", stats.Float64(2), "1:fs"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, ctx := range []context.Context{t.Context(), withSpan(t.Context(), 1, trace.FlagsSampled)} {
		if err := engine.Observe(ctx, payload); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"p.bytes 1 3 ", "p.size 1 2 ", "p.copy 1 3 ", "p.sample 1 2 "}
	if diff := cmp.Diff(want, exemplarsIn(t, producer)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestExemplarFilter(t *testing.T) {
	tests := []struct {
		name, environment string
		options           []otelkv.Option
		background        bool // that a measurement without a span is an exemplar
		sampled           bool
	}{
		{name: "default", sampled: true},
		{name: "trace based", environment: "trace_based", sampled: true},
		{name: "always on", environment: "always_on", background: true, sampled: true},
		{name: "always off", environment: "always_off"},
		{name: "unknown", environment: "sometimes", sampled: true},
		{name: "an option first", environment: "always_on", options: []otelkv.Option{otelkv.WithExemplarFilter(exemplar.AlwaysOffFilter)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_METRICS_EXEMPLAR_FILTER", test.environment)
			recorder, engine := newParity(t, test.options...)
			producer := newProducer(t, recorder)
			bytes := must[otelkv.Int64Counter](t)(engine.Int64Counter(parityBytes, "1:fs"))
			for _, want := range []struct {
				ctx     context.Context
				offered bool
			}{{context.Background(), test.background}, {withSpan(t.Context(), 1, trace.FlagsSampled), test.sampled}} {
				bytes.AddContext(want.ctx, 1)
				if got := len(exemplarsIn(t, producer)) > 0; got != want.offered {
					t.Errorf("there is an exemplar: %t, want %t", got, want.offered)
				}
			}
		})
	}
}

func TestExemplarAllocations(t *testing.T) {
	_, engine := newParity(t)
	bytes := must[otelkv.Int64Counter](t)(engine.Int64Counter(parityBytes, "1:fs"))
	seconds := must[otelkv.Float64Counter](t)(engine.Float64Counter(parityTime, "1:fs"))
	sizes := must[otelkv.Histogram](t)(engine.Histogram(paritySize, "1:fs"))
	for name, ctx := range map[string]context.Context{
		"background": context.Background(), "no span": t.Context(), "not sampled": withSpan(t.Context(), 1, 0),
	} {
		if n := testing.AllocsPerRun(100, func() {
			bytes.AddContext(ctx, 1)
			seconds.AddContext(ctx, 1)
			sizes.RecordContext(ctx, 1)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
