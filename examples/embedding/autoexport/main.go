// SPDX-License-Identifier: Apache-2.0

// Command autoexport is a service whose exporters are chosen by the package
// go.opentelemetry.io/contrib/exporters/autoexport, the default setup of OpenTelemetry.
// That package takes producers from a registry, so the service registers the recorder's
// producer. It is used if OTEL_METRICS_PRODUCERS is not set, or if it has the name otelkv:
//
//	OTEL_METRICS_PRODUCERS=otelkv,prometheus
//
// There are two limits. The metrics are always cumulative, because the producer does not
// know the value of OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE. And
// OTEL_METRICS_EXPORTER=prometheus is OpenTelemetry's exporter, which changes vLLM's names:
// for scrapes, serve a collector of the package exporters/prometheus instead.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/contrib/exporters/autoexport"
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
	return loopback.Run(ctx, out, serve, vllm.LoadBytes.Name)
}

// serve is the service. Its last push, at the end, has everything that it recorded.
func serve(ctx context.Context, endpoint string) (err error) {
	if err := os.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint); err != nil {
		return err
	}
	recorder, err := otelkv.New(vllm.CPUSpec(0))
	if err != nil {
		return err
	}
	producer := func(context.Context) (sdkmetric.Producer, error) { return recorder.Producer() }
	autoexport.RegisterMetricProducer("otelkv", producer)
	autoexport.WithFallbackMetricProducer(producer)
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return err
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()

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
