// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"fmt"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// collected returns the data of one metric that a producer tells.
func collected(t *testing.T, producer *otelkv.Producer, metric schema.Metric) metricdata.Aggregation {
	t.Helper()
	scopes, err := producer.Produce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range scopes {
		for _, m := range scope.Metrics {
			if m.Name == metric.Definition().Name {
				return m.Data
			}
		}
	}
	return nil
}

func TestFirstDeltaStartsWithItsSeries(t *testing.T) {
	before := time.Now()
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		t.Fatal(err)
	}
	producer, err := recorder.Producer(otelkv.WithSelectors(sdkmetric.DeltaTemporalitySelector, nil))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(1)
	after := time.Now()
	sum := collected(t, producer, vllm.LoadBytes).(metricdata.Sum[int64]).DataPoints[0]
	if sum.StartTime.Before(before) || sum.StartTime.After(after) {
		t.Errorf("the first delta starts at %v, want a time from %v to %v", sum.StartTime, before, after)
	}
}

// A point without samples has no least and no greatest one.
func TestNoMinWithoutSamples(t *testing.T) {
	for name, temporality := range map[string]sdkmetric.TemporalitySelector{
		"cumulative": sdkmetric.CumulativeTemporalitySelector, "delta": sdkmetric.DeltaTemporalitySelector,
	} {
		t.Run(name, func(t *testing.T) {
			recorder, err := otelkv.New(vllm.TieringSpec())
			if err != nil {
				t.Fatal(err)
			}
			producer, err := recorder.Producer(otelkv.WithSelectors(temporality, nil))
			if err != nil {
				t.Fatal(err)
			}
			engine, err := recorder.AddEngine(0, "m", otelkv.WithPriming())
			if err != nil {
				t.Fatal(err)
			}
			sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
			point := collected(t, producer, vllm.LoadSize).(metricdata.Histogram[float64]).DataPoints[0]
			if least, defined := point.Min.Value(); defined || point.Count != 0 {
				t.Errorf("a primed histogram has the count %d and the least sample %v, want none", point.Count, least)
			}
			sizes.Record(3)
			point = collected(t, producer, vllm.LoadSize).(metricdata.Histogram[float64]).DataPoints[0]
			if least, defined := point.Min.Value(); !defined || least != 3 {
				t.Errorf("the least sample is %v (defined: %t), want 3", least, defined)
			}
		})
	}
}

// Engines that come and go leave the limit as it was, also with series that were
// declared or that others folded into.
func TestTheLimitDoesNotDrift(t *testing.T) {
	const limit = 4
	recorder, err := otelkv.New(vllm.TieringSpec(), otelkv.WithSeriesLimits(limit, 0))
	if err != nil {
		t.Fatal(err)
	}
	producer, err := recorder.Producer()
	if err != nil {
		t.Fatal(err)
	}
	var want otelkv.Statistics
	for life := range 20 {
		folded := recorder.Statistics().Folded
		engine, err := recorder.AddEngine(0, "m", otelkv.WithTiers("fs", "obj"), otelkv.WithPriming())
		if err != nil {
			t.Fatal(err)
		}
		for tier := range 3 * limit {
			must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, fmt.Sprintf("%d:new", tier+3))).Add(1)
		}
		got := recorder.Statistics()
		got.Folded -= folded
		if life == 0 {
			want = got
		}
		if got.Series != want.Series || got.Folded != want.Folded || got.Folded == 0 {
			t.Fatalf("life %d has %d series and folds %d times, want %d and %d as in the first", life, got.Series, got.Folded, want.Series, want.Folded)
		}
		engine.Remove()
		for range 2 {
			if _, err := producer.Produce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := recorder.Statistics().Series; n != 0 {
			t.Fatalf("life %d leaves %d series", life, n)
		}
	}
}
