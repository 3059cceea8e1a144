// SPDX-License-Identifier: Apache-2.0

// Command autoexport is a service that leaves the choice of exporters to the package
// go.opentelemetry.io/contrib/exporters/autoexport, as services with the default
// set-up of OpenTelemetry do. The readers of that package take no producer from
// whoever makes them, but from a registry, which the service adds the recorder's to.
// It serves where OTEL_METRICS_PRODUCERS is not set, and by the name otelkv where it
// is, as in
//
//	OTEL_METRICS_PRODUCERS=otelkv,prometheus
//
// Two limits come with it. The metrics are cumulative, because the producer is made
// before the temporality of OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is
// known. And OTEL_METRICS_EXPORTER=prometheus, which is the exporter of OpenTelemetry,
// changes vLLM's names: for scrapes, serve the collector of the package
// exporters/prometheus beside it.
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

// run pushes to a receiver of its own, and prints what came.
func run(ctx context.Context, out io.Writer) error {
	receiver := loopback.NewReceiver()
	defer receiver.Close()
	if err := os.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL); err != nil {
		return err
	}
	if err := serve(ctx); err != nil {
		return err
	}
	return receiver.Print(out, vllm.LoadBytes.Name)
}

// serve is the service. What it pushes at its end is all that it has recorded.
func serve(ctx context.Context) (err error) {
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
