package exporters_test

import (
	"context"
	"fmt"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func ExampleNew() {
	ctx := context.Background()
	pipeline, err := exporters.New(ctx, vllm.TieringSpec(),
		exporters.WithDefaultExporters("prometheus"),
		exporters.WithListen("127.0.0.1:0"),
		exporters.WithServerOptions(prometheus.WithTimeouts(prometheus.Timeouts{Write: 10 * time.Second})))
	if err != nil {
		panic(err)
	}
	// The pipeline is a metric.MeterProvider.
	pipeline.Meter("example")

	deadline, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	fmt.Println(pipeline.Shutdown(deadline))
	// Output: <nil>
}

func ExampleRegistry_Register() {
	registry := exporters.NewRegistry()
	err := registry.Register("memory", func(_ context.Context, s exporters.Settings) (sdkmetric.Reader, error) {
		return sdkmetric.NewManualReader(sdkmetric.WithProducer(s.Producer(nil))), nil
	})
	if err != nil {
		panic(err)
	}
	pipeline, err := exporters.New(context.Background(), vllm.TieringSpec(),
		exporters.WithRegistry(registry), exporters.WithExporters("memory"))
	if err != nil {
		panic(err)
	}
	defer func() { _ = pipeline.Shutdown(context.Background()) }()
	fmt.Println(pipeline)
	// Output: otelkv pipeline: memory
}
