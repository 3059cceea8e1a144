package otlp_test

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/otlp"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func ExampleNewReader() {
	ctx := context.Background()
	// Endpoint, headers, TLS, temporality and interval come from the environment.
	reader, err := otlp.NewReader(ctx)
	if err != nil {
		panic(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(ctx) }()
	otel.SetMeterProvider(provider)
}

func ExampleWithCatalogueNames() {
	// For a receiver whose dashboards query vLLM's names. It has to translate
	// names with the strategy NoUTF8EscapingWithSuffixes.
	reader, err := otlp.NewReader(context.Background(),
		otlp.WithCatalogueNames(vllm.TieringSpec()),
		otlp.WithGRPCOptions(otlpmetricgrpc.WithEndpointURL("https://collector.example:4317")))
	if err != nil {
		panic(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()
}
