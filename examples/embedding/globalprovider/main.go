// SPDX-License-Identifier: Apache-2.0

// Command globalprovider is a service that uses the global MeterProvider, which other code
// sets later. The recorder's metrics become instruments of it. Counters and gauges keep
// what was recorded before the provider was set. Histogram samples from before are lost, so
// set the provider before there is traffic.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	recorder, err := otelkv.New(vllm.CPUSpec(0))
	if err != nil {
		return err
	}
	unregister, err := recorder.RegisterInstruments(otel.GetMeterProvider())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unregister()) }()
	engine, err := recorder.AddEngine(0, "llama")
	if err != nil {
		return err
	}
	loads, err := engine.Int64Counter(vllm.LoadBytes)
	if err != nil {
		return err
	}
	loads.Add(1000)

	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()
	otel.SetMeterProvider(provider)

	loads.Add(24)
	return show(ctx, out, reader)
}

// show prints the counter of loaded bytes.
func show(ctx context.Context, out io.Writer, reader sdkmetric.Reader) error {
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		return err
	}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == vllm.LoadBytes.Name {
				if _, err := fmt.Fprintln(out, m.Name, sum.DataPoints[0].Value, m.Unit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
