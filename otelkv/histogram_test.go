package otelkv_test

import (
	"context"
	"slices"
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

func (p *binding) Meter(string, ...metric.MeterOption) metric.Meter { return bindingMeter{provider: p} }

func (m bindingMeter) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return bindingHistogram{provider: m.provider, name: name}, nil
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
	provider := &binding{records: make(map[string][]float64)}
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
