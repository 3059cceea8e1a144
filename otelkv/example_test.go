// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// show prints the points that an exporter of the recorder's is told of the given metrics.
func show(recorder *otelkv.Recorder, names ...string) {
	producer, err := recorder.Producer()
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		print(producer, name)
	}
}

// takeDown ends something that an example started.
func takeDown(f func(context.Context) error) {
	if err := f(context.Background()); err != nil {
		panic(err)
	}
}

// A service that sees events binds its series once, and records.
func Example() {
	catalogue := vllm.TieringSpec()
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		panic(err)
	}
	engine, err := recorder.AddEngine(0, "llama", otelkv.WithTiers("fs"))
	if err != nil {
		panic(err)
	}
	loads, err1 := engine.Int64Counter(vllm.LoadBytes)
	hits, err2 := engine.Int64Counter(vllm.TieringChunkHits, "1:fs")
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	loads.Add(4096)
	hits.Add(1)

	show(recorder, vllm.LoadBytes.Name, vllm.TieringChunkHits.Name)
	// Output:
	// vllm.kv_offload.load_bytes engine=0,model_name=llama 4096
	// vllm.kv_offload.tiering.chunk_hits engine=0,model_name=llama,tier=1:fs 1
}

// A service that gets payloads from its workers observes them.
func ExampleEngine_Observe() {
	catalogue := vllm.TieringSpec()
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		panic(err)
	}
	engine, err := recorder.AddEngine(0, "llama")
	if err != nil {
		panic(err)
	}

	payload := new(stats.Payload)
	err = payload.UnmarshalJSON([]byte(`{
		"types": {"vllm:kv_offload_store_bytes": "counter", "unknown": "counter"},
		"data": {"vllm:kv_offload_store_bytes": [{"labels": [], "value": 24}], "unknown": [{"labels": [], "value": 1}]}
	}`))
	if err != nil {
		panic(err)
	}
	// The good entry counts, and the bad one is named.
	fmt.Println(engine.Observe(context.Background(), payload))
	show(recorder, vllm.StoreBytes.Name)
	// Output:
	// otelkv: metric "unknown": not in the catalogue
	// vllm.kv_offload.store_bytes engine=0,model_name=llama 24
}

// library is what a C library counts.
type library struct{ bytes int64 }

// A service with totals of a library's registers a callback that reads them.
func ExampleRecorder_RegisterCallback() {
	catalogue := vllm.TieringSpec()
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		panic(err)
	}
	engine, err := recorder.AddEngine(0, "llama")
	if err != nil {
		panic(err)
	}
	loads, err := engine.Int64Total(vllm.LoadBytes)
	if err != nil {
		panic(err)
	}

	var lib library
	unregister := recorder.RegisterCallback(func(context.Context) error { loads.Observe(lib.bytes); return nil })
	defer unregister()

	lib.bytes = 100
	show(recorder, vllm.LoadBytes.Name)
	lib.bytes = 7 // The library was loaded again.
	show(recorder, vllm.LoadBytes.Name)
	// Output:
	// vllm.kv_offload.load_bytes engine=0,model_name=llama 100
	// vllm.kv_offload.load_bytes engine=0,model_name=llama 107
}

// A service with a MeterProvider of its own gives each reader a producer.
func ExampleRecorder_Producer() {
	recorder, err := otelkv.New(vllm.SimpleCPUSpec())
	if err != nil {
		panic(err)
	}
	if _, err := recorder.AddEngine(0, "llama"); err != nil {
		panic(err)
	}
	producer, err := recorder.Producer()
	if err != nil {
		panic(err)
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(producer))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer takeDown(provider.Shutdown)

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		panic(err)
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name, m.Unit)
	}
	// Output:
	// vllm.simple_kv_offload.used_blocks {block}
	// vllm.simple_kv_offload.pending_store_blocks {block}
}

// Metrics of the user's own are merged with vLLM's, here from a YAML file.
func Example_definitions() {
	file := strings.NewReader(`
groups:
  - id: metric.my.tier.evictions
    type: metric
    metric_name: my.tier.evictions
    brief: "Chunks that the tier evicted."
    instrument: counter
    unit: "{chunk}"
    stability: development
    attributes:
      - ref: tier
    annotations:
      code_generation: {metric_value_type: int}
      prometheus: {name: "my:tier_evictions"}
`)
	catalogue, err := registry.Merge(vllm.TieringSpec(), "my.yaml", file)
	if err != nil {
		panic(err)
	}
	evictions, err := catalogue.Int64Counter("my.tier.evictions")
	if err != nil {
		panic(err)
	}
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		panic(err)
	}
	engine, err := recorder.AddEngine(0, "llama")
	if err != nil {
		panic(err)
	}
	counter, err := engine.Int64Counter(evictions, "1:fs")
	if err != nil {
		panic(err)
	}
	counter.Add(3)
	show(recorder, "my.tier.evictions")
	// Output:
	// my.tier.evictions engine=0,model_name=llama,tier=1:fs 3
}
