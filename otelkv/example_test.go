package otelkv_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema/registry"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// scrape writes what a scrape of the recorder shows of the metrics with the given
// prefix.
func scrape(recorder *otelkv.Recorder, prefix string) {
	collector, err := prometheus.NewCollector(recorder)
	if err != nil {
		panic(err)
	}
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collector})
	if err != nil {
		panic(err)
	}
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(response.Body.String()) {
		if strings.HasPrefix(line, prefix) {
			_, _ = io.WriteString(os.Stdout, line)
		}
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

	scrape(recorder, "vllm:kv_offload_load_bytes")
	scrape(recorder, "vllm:kv_offload_tiering_chunk_hits")
	// Output:
	// vllm:kv_offload_load_bytes_total{engine="0",model_name="llama"} 4096
	// vllm:kv_offload_tiering_chunk_hits_total{engine="0",model_name="llama",tier="1:fs"} 1
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
	scrape(recorder, "vllm:kv_offload_store_bytes")
	// Output:
	// otelkv: metric "unknown": not in the catalogue
	// vllm:kv_offload_store_bytes_total{engine="0",model_name="llama"} 24
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
	scrape(recorder, "vllm:kv_offload_load_bytes")
	lib.bytes = 7 // The library was loaded again.
	scrape(recorder, "vllm:kv_offload_load_bytes")
	// Output:
	// vllm:kv_offload_load_bytes_total{engine="0",model_name="llama"} 100
	// vllm:kv_offload_load_bytes_total{engine="0",model_name="llama"} 107
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
	scrape(recorder, "my:")
	// Output:
	// my:tier_evictions_total{engine="0",model_name="llama",tier="1:fs"} 3
}
