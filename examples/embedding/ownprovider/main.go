// SPDX-License-Identifier: Apache-2.0

// Command ownprovider is a service that has a MeterProvider of the OpenTelemetry SDK,
// with instruments of its own, and pushes over OTLP. Its reader gets a producer of the
// recorder, and the offload metrics leave with the service's own.
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

// run pushes to a receiver of its own, and prints what came.
func run(ctx context.Context, out io.Writer) error {
	receiver := loopback.NewReceiver()
	defer receiver.Close()
	if err := serve(ctx, receiver.URL); err != nil {
		return err
	}
	return receiver.Print(out, "service.requests", vllm.LoadBytes.Name)
}

// serve is the service. What it pushes at its end is all that it has recorded.
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

// measure stands for what the service measured before it knew otelkv.
func measure(ctx context.Context, provider metric.MeterProvider) error {
	requests, err := provider.Meter("example.com/service").Int64Counter("service.requests")
	if err != nil {
		return err
	}
	requests.Add(ctx, 3)
	return nil
}
