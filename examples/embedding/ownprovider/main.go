// SPDX-License-Identifier: Apache-2.0

// Command ownprovider is a service that has its own MeterProvider of the OpenTelemetry SDK
// and its own instruments, and pushes over OTLP. Its reader gets a producer of the recorder,
// and exports the offload metrics with the service's own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/examples/embedding/internal/loopback"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs the service with a receiver, and prints what arrived.
func run(ctx context.Context, out io.Writer) error {
	return loopback.Run(ctx, out, serve, "service.requests", vllm.LoadBytes.Name)
}

// serve is the service. Its last push, at the end, has everything that it recorded.
func serve(ctx context.Context, endpoint string) (err error) {
	recorder, err := otelkv.New(vllm.CPUSpec(0))
	if err != nil {
		return err
	}
	exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(endpoint+"/v1/metrics"))
	if err != nil {
		return err
	}
	producer, err := recorder.Producer(otelkv.WithSelectors(exporter.Temporality, exporter.Aggregation))
	if err != nil {
		return err
	}
	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(producer))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()

	if err := measure(ctx, provider); err != nil {
		return err
	}
	engine, err := recorder.AddEngine(0, "llama")
	if err != nil {
		return err
	}
	loads, err := engine.Int64Counter(vllm.LoadBytes)
	if err != nil {
		return err
	}
	loads.Add(4096)
	return nil
}

// measure stands for the service's own instruments.
func measure(ctx context.Context, provider metric.MeterProvider) error {
	requests, err := provider.Meter("example.com/service").Int64Counter("service.requests")
	if err != nil {
		return err
	}
	requests.Add(ctx, 3)
	return nil
}
