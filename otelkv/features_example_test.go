// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// newExample returns a recorder of vLLM's metrics with two engines.
func newExample() (recorder *otelkv.Recorder, engines [2]*otelkv.Engine) {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		panic(err)
	}
	for i := range engines {
		if engines[i], err = recorder.AddEngine(i, "m"); err != nil {
			panic(err)
		}
	}
	return recorder, engines
}

// print prints the points of one metric.
func print(producer *otelkv.Producer, name string) {
	for _, scope := range producer.Collect(context.Background()) {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					fmt.Println(name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					fmt.Println(name, p.Count, p.Bounds, p.BucketCounts)
					for _, e := range p.Exemplars {
						fmt.Printf("%v in the trace %x\n", e.Value, e.TraceID)
					}
				}
			case metricdata.ExponentialHistogram[float64]:
				for _, p := range d.DataPoints {
					fmt.Println(name, p.Count, "scale", p.Scale, "offset", p.PositiveBucket.Offset, p.PositiveBucket.Counts)
				}
			}
		}
	}
}

func ExampleWithViews() {
	recorder, engines := newExample()
	producer, err := recorder.Producer(otelkv.WithViews(
		// All engines as one.
		sdkmetric.NewView(sdkmetric.Instrument{Name: vllm.LoadBytes.Name}, sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter("engine")}),
		// Three of the ten boundaries.
		sdkmetric.NewView(sdkmetric.Instrument{Name: vllm.LoadSize.Name}, sdkmetric.Stream{
			Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1e6, 1e7, 1e8}}}),
	))
	if err != nil {
		panic(err)
	}
	for _, engine := range engines {
		loaded, err := engine.Int64Counter(vllm.LoadBytes)
		if err != nil {
			panic(err)
		}
		loaded.Add(4096)
	}
	size, err := engines[0].Histogram(vllm.LoadSize)
	if err != nil {
		panic(err)
	}
	size.Record(6e6)
	print(producer, vllm.LoadBytes.Name)
	print(producer, vllm.LoadSize.Name)
	// Output:
	// vllm.kv_offload.load_bytes model_name=m 8192
	// vllm.kv_offload.load_size 1 [1e+06 1e+07 1e+08] [0 1 0 0]
}

func ExampleHistogram_RecordContext() {
	recorder, engines := newExample()
	producer, err := recorder.Producer()
	if err != nil {
		panic(err)
	}
	size, err := engines[0].Histogram(vllm.LoadSize)
	if err != nil {
		panic(err)
	}
	// A request comes with a context, in which a tracer has put a span.
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 0x2a}, SpanID: trace.SpanID{7: 1}, TraceFlags: trace.FlagsSampled,
	}))
	size.RecordContext(ctx, 3e9)
	print(producer, vllm.LoadSize.Name)
	// Output:
	// vllm.kv_offload.load_size 1 [1e+06 5e+06 1e+07 2e+07 4e+07 6e+07 8e+07 1e+08 1.5e+08 2e+08] [0 0 0 0 0 0 0 0 0 0 1]
	// 3e+09 in the trace 0000000000000000000000000000002a
}

func ExampleWithSelectors_exponential() {
	recorder, engines := newExample()
	// What an exporter's Aggregation method says where
	// OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION asks for it.
	exponential := func(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		if kind == sdkmetric.InstrumentKindHistogram {
			return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 4, MaxScale: 20}
		}
		return sdkmetric.DefaultAggregationSelector(kind)
	}
	producer, err := recorder.Producer(otelkv.WithSelectors(nil, exponential))
	if err != nil {
		panic(err)
	}
	size, err := engines[0].Histogram(vllm.LoadSize)
	if err != nil {
		panic(err)
	}
	for _, bytes := range []float64{1 << 20, 3 << 20, 1 << 22} {
		size.Record(bytes)
	}
	print(producer, vllm.LoadSize.Name)
	// Output: vllm.kv_offload.load_size 3 scale 0 offset 19 [1 0 2]
}

func ExampleEngine_Remove() {
	recorder, engines := newExample()
	producer, err := recorder.Producer()
	if err != nil {
		panic(err)
	}
	loaded, err := engines[0].Int64Counter(vllm.LoadBytes)
	if err != nil {
		panic(err)
	}
	loaded.Add(4096)
	engines[0].Remove()
	for range 2 { // collections
		fmt.Println("collected:")
		print(producer, vllm.LoadBytes.Name)
	}
	// Output:
	// collected:
	// vllm.kv_offload.load_bytes engine=0,model_name=m 4096
	// collected:
}

func ExampleWithSelectors() {
	recorder, engines := newExample()
	producer, err := recorder.Producer(otelkv.WithSelectors(sdkmetric.DeltaTemporalitySelector, nil))
	if err != nil {
		panic(err)
	}
	loaded, err := engines[0].Int64Counter(vllm.LoadBytes)
	if err != nil {
		panic(err)
	}
	for _, bytes := range []int64{4096, 1024} {
		loaded.Add(bytes)
		print(producer, vllm.LoadBytes.Name)
	}
	// Output:
	// vllm.kv_offload.load_bytes engine=0,model_name=m 4096
	// vllm.kv_offload.load_bytes engine=0,model_name=m 1024
}

func ExampleWithSeriesLimits() {
	recorder, err := otelkv.New(vllm.TieringSpec(), otelkv.WithSeriesLimits(2, 0))
	if err != nil {
		panic(err)
	}
	engine, err := recorder.AddEngine(0, "m", otelkv.WithTiers("fs"))
	if err != nil {
		panic(err)
	}
	producer, err := recorder.Producer()
	if err != nil {
		panic(err)
	}
	for _, tier := range []string{"1:fs", "2:a", "3:b", "4:c"} {
		read, err := engine.Int64Counter(vllm.TieringReadBytes, tier)
		if err != nil {
			panic(err)
		}
		read.Add(1)
	}
	print(producer, vllm.TieringReadBytes.Name)
	// Output:
	// vllm.kv_offload.tiering.read_bytes engine=0,model_name=m,tier=1:fs 1
	// vllm.kv_offload.tiering.read_bytes engine=0,model_name=m,tier=2:a 1
	// vllm.kv_offload.tiering.read_bytes engine=0,model_name=m,tier=other 2
}

// An additive gauge is an UpDownCounter to OpenTelemetry and a gauge on scrapes, and the
// scope has the schema URL of the catalogue.
func Example_additiveGauge() {
	pinned := schema.Int64Gauge{
		Name: "mycache.pinned", PrometheusName: "mycache_pinned", Unit: "{chunk}", Description: "Chunks pinned.", Additive: true,
	}
	catalogue, err := schema.NewCatalogue(pinned)
	if err != nil {
		panic(err)
	}
	recorder, err := otelkv.New(catalogue.WithSchemaURL("https://example.com/schemas/1.0.0"))
	if err != nil {
		panic(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		panic(err)
	}
	gauge, err := engine.Int64Gauge(pinned)
	if err != nil {
		panic(err)
	}
	gauge.Record(7)
	producer, err := recorder.Producer()
	if err != nil {
		panic(err)
	}
	scope := producer.Collect(context.Background())[0]
	sum := scope.Metrics[0].Data.(metricdata.Sum[int64])
	fmt.Println(scope.Scope.SchemaURL, sum.DataPoints[0].Value, sum.IsMonotonic)
	// Output: https://example.com/schemas/1.0.0 7 false
}

// In the process that exports, trackers record to an engine's series, and there is
// nothing to take.
func ExampleEngine_Trackers() {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		log.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "llama", otelkv.WithTiers("fs"), otelkv.WithPriming())
	if err != nil {
		log.Fatal(err)
	}
	trackers, err := engine.Trackers(tiering.Config{PrimaryChunks: 1024, ChunkSize: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	timer := trackers.Transfers.Start(connector.Store)
	timer.End(4 << 20)
	cascade := trackers.Tiering.StartCascade(1, 4)
	cascade.SetBytes(3 << 20) // one of the chunks was there already
	cascade.SetTime(12 * time.Millisecond)
	cascade.Succeed()
	fmt.Println(trackers.Tiering.Tiers(), trackers.Tiering.Take() == nil, trackers.Tiering.CheckIdle())
	// Output:
	// [0:primary 1:fs] true <nil>
}
