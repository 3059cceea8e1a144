// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/metric/x"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// A binding provider has instruments with the extensions of OpenTelemetry's experimental
// API, and remembers what was asked of them.
type (
	bindingProvider struct {
		noop.MeterProvider
		seen map[string]int
	}
	bindingMeter struct {
		noop.Meter
		seen map[string]int
	}
	bindingInt64Counter struct {
		noop.Int64Counter
		seen map[string]int
	}
	bindingFloat64Counter struct {
		noop.Float64Counter
		seen map[string]int
	}
	bindingHistogram struct {
		noop.Float64Histogram
		seen map[string]int
	}
)

var (
	_ x.Int64CounterBinder     = bindingInt64Counter{}
	_ x.Float64CounterBinder   = bindingFloat64Counter{}
	_ x.Float64HistogramBinder = bindingHistogram{}
	_ x.Finisher               = bindingHistogram{}
)

func (p bindingProvider) Meter(string, ...metric.MeterOption) metric.Meter {
	return bindingMeter{seen: p.seen}
}

func (m bindingMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return bindingInt64Counter{seen: m.seen}, nil
}

func (m bindingMeter) Float64Counter(string, ...metric.Float64CounterOption) (metric.Float64Counter, error) {
	return bindingFloat64Counter{seen: m.seen}, nil
}

func (m bindingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return bindingHistogram{seen: m.seen}, nil
}

func (c bindingInt64Counter) Bind(...attribute.KeyValue) metric.Int64Counter {
	c.seen["Int64Counter"]++
	return c
}

func (c bindingFloat64Counter) Bind(...attribute.KeyValue) metric.Float64Counter {
	c.seen["Float64Counter"]++
	return c
}

func (h bindingHistogram) Bind(...attribute.KeyValue) metric.Float64Histogram {
	h.seen["Float64Histogram"]++
	return h
}

func (h bindingHistogram) Finish(context.Context, ...attribute.KeyValue) { h.seen["Finish"]++ }

// TestInstrumentsAreBound checks that the recorder finds the extensions as the current
// release of the experimental API declares them. The recorder does not import that API,
// because it is not stable.
func TestInstrumentsAreBound(t *testing.T) {
	bytes := schema.Int64Counter{Name: "b.bytes", PrometheusName: "b_bytes", Unit: "By", Description: "Bytes."}
	seconds := schema.Float64Counter{Name: "b.time", PrometheusName: "b_time", Unit: "s", Description: "Time."}
	size := schema.Histogram{Name: "b.size", PrometheusName: "b_size", Unit: "By", Description: "Sizes.", Boundaries: boundaries()}
	recorder, err := otelkv.New(schema.MustCatalogue(bytes, seconds, size))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	unregister, err := recorder.RegisterInstruments(bindingProvider{seen: seen})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, modelName)
	if err != nil {
		t.Fatal(err)
	}
	for _, bind := range []func() error{
		func() error { _, err := engine.Int64Counter(bytes); return err },
		func() error { _, err := engine.Float64Counter(seconds); return err },
		func() error { _, err := engine.Histogram(size); return err },
	} {
		if err := bind(); err != nil {
			t.Fatal(err)
		}
	}
	engine.Remove()
	if err := unregister(); err != nil {
		t.Error(err)
	}
	for _, extension := range []string{"Int64Counter", "Float64Counter", "Float64Histogram", "Finish"} {
		if seen[extension] == 0 {
			t.Errorf("%s was not asked for: the recorder used %v", extension, seen)
		}
	}
}
