// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A binding provider's histograms can be bound to attributes ahead of time. It
// counts what it is asked.
type binding struct {
	noop.MeterProvider
	bound   []string
	records map[string][]float64
	options int

	mu   sync.Mutex
	sums map[string]float64 // of counters
}

type bindingMeter struct {
	noop.Meter
	provider *binding
}

type bindingHistogram struct {
	noop.Float64Histogram
	provider *binding
	name     string
}

type boundHistogram struct {
	noop.Float64Histogram
	provider *binding
	series   string
}

func newBinding() *binding {
	return &binding{records: make(map[string][]float64), sums: make(map[string]float64)}
}

func (p *binding) Meter(string, ...metric.MeterOption) metric.Meter { return bindingMeter{provider: p} }

func (m bindingMeter) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return bindingHistogram{provider: m.provider, name: name}, nil
}

// A bindingCounter is a counter of either number, which adds up what it is told by the
// series.
type bindingCounter struct {
	noop.Int64Counter
	provider *binding
	name     string
}

type bindingFloatCounter struct {
	noop.Float64Counter
	bindingCounter bindingCounter
}

func (m bindingMeter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return bindingCounter{provider: m.provider, name: name}, nil
}

func (m bindingMeter) Float64Counter(name string, _ ...metric.Float64CounterOption) (metric.Float64Counter, error) {
	return bindingFloatCounter{bindingCounter: bindingCounter{provider: m.provider, name: name}}, nil
}

func (c bindingCounter) bind(attributes []attribute.KeyValue) bindingCounter {
	set := attribute.NewSet(slices.Clone(attributes)...)
	c.name += " " + set.Encoded(attribute.DefaultEncoder())
	return c
}

func (c bindingCounter) Bind(attributes ...attribute.KeyValue) metric.Int64Counter {
	return c.bind(attributes)
}

func (c bindingCounter) Add(_ context.Context, n int64, options ...metric.AddOption) {
	c.add(float64(n), len(options))
}

func (c bindingCounter) add(n float64, options int) {
	c.provider.mu.Lock()
	defer c.provider.mu.Unlock()
	c.provider.sums[c.name] += n
	c.provider.options += options
}

func (c bindingFloatCounter) Bind(attributes ...attribute.KeyValue) metric.Float64Counter {
	return bindingFloatCounter{bindingCounter: c.bindingCounter.bind(attributes)}
}

func (c bindingFloatCounter) Add(_ context.Context, n float64, options ...metric.AddOption) {
	c.bindingCounter.add(n, len(options))
}

func (h bindingHistogram) Bind(attributes ...attribute.KeyValue) metric.Float64Histogram {
	set := attribute.NewSet(slices.Clone(attributes)...)
	series := h.name + " " + set.Encoded(attribute.DefaultEncoder())
	h.provider.bound = append(h.provider.bound, series)
	return boundHistogram{provider: h.provider, series: series}
}

func (h bindingHistogram) Record(context.Context, float64, ...metric.RecordOption) {
	h.provider.records["unbound "+h.name] = append(h.provider.records["unbound "+h.name], 0)
}

func (h boundHistogram) Record(_ context.Context, sample float64, options ...metric.RecordOption) {
	h.provider.records[h.series] = append(h.provider.records[h.series], sample)
	h.provider.options += len(options)
}

func TestHistogramsThatCanBindAreBoundOnce(t *testing.T) {
	provider := newBinding()
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recorder.RegisterInstruments(provider); err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	provider.bound = nil // what the engine's start has bound
	sizes := must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize))
	for _, sample := range []float64{1, 2} {
		sizes.Record(sample)
	}
	must[otelkv.Histogram](t)(engine.Histogram(vllm.LoadSize)).Record(3)

	const labels = "engine=0,model_name=m"
	series := []string{
		vllm.LoadSize.Name + " " + labels,
		vllm.Size.Name + " " + labels + ",transfer_type=CPU_to_GPU",
	}
	want := map[string][]float64{series[0]: {1, 2, 3}, series[1]: {1, 2, 3}}
	if diff := cmp.Diff(want, provider.records); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if provider.options != 0 {
		t.Errorf("bound histograms got %d options, want none", provider.options)
	}
	for _, s := range provider.bound {
		if n := len(slices.DeleteFunc(slices.Clone(provider.bound), func(other string) bool { return other != s })); n != 1 {
			t.Errorf("%s was bound %d times, want once", s, n)
		}
	}
}

// TestCountersThatCanBind are told each addition once, whether it comes before the
// registration, after it, or while several goroutines add.
func TestCountersThatCanBind(t *testing.T) {
	provider := newBinding()
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	loads := must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes))
	seconds := must[otelkv.Float64Counter](t)(engine.Float64Counter(vllm.LoadTime))
	loads.Add(5)
	unregister, err := recorder.RegisterInstruments(provider)
	if err != nil {
		t.Fatal(err)
	}
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() {
			for range 1000 {
				loads.Add(1)
				seconds.Add(0.5)
			}
		})
	}
	adding.Wait()
	const labels = "engine=0,model_name=m"
	want := map[string]float64{
		vllm.LoadBytes.Name + " " + labels: 4005, vllm.TotalBytes.Name + " " + labels + ",transfer_type=CPU_to_GPU": 4005,
		vllm.LoadTime.Name + " " + labels: 2000, vllm.TotalTime.Name + " " + labels + ",transfer_type=CPU_to_GPU": 2000,
	}
	told := func() map[string]float64 {
		nonzero := make(map[string]float64)
		for series, sum := range provider.sums {
			if sum != 0 {
				nonzero[series] = sum
			}
		}
		return nonzero
	}
	if diff := cmp.Diff(want, told()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if provider.options != 0 {
		t.Errorf("bound counters got %d options, want none", provider.options)
	}
	if err := unregister(); err != nil {
		t.Fatal(err)
	}
	loads.Add(1)
	if diff := cmp.Diff(want, told()); diff != "" {
		t.Errorf("told after the end (-want +got):\n%s", diff)
	}
}
