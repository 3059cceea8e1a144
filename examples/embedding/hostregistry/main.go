// SPDX-License-Identifier: Apache-2.0

// Command hostregistry is a service that counts with client_golang and pushes over OTLP.
// The pipeline pushes the metrics of the service's registry and of the recorder. For the
// opposite, where the registry shows the recorder's metrics, see the command registerer.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"

	"github.com/otelkv/otelkv-go/examples/embedding/internal/loopback"
	"github.com/otelkv/otelkv-go/exporters"
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
	return loopback.Run(ctx, out, serve, "service_requests_total", vllm.LoadBytes.Name)
}

// serve is the service. Its last push, at the end, has everything that it recorded.
func serve(ctx context.Context, endpoint string) error {
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounter(prometheus.CounterOpts{Name: "service_requests_total", Help: "Requests."})
	registry.MustRegister(requests)
	requests.Add(3)

	recorder, err := otelkv.New(vllm.CPUSpec(0))
	if err != nil {
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

	exporter, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(endpoint+"/v1/metrics"))
	if err != nil {
		return err
	}
	pipeline, err := exporters.Start(ctx, recorder,
		exporters.WithExporters("none"), // of the named ones
		exporters.WithExporter(exporter),
		exporters.WithGatherer(registry))
	if err != nil {
		return err
	}
	return pipeline.Shutdown(ctx)
}
