// SPDX-License-Identifier: Apache-2.0

// Command gateway is a worker of a fleet that sends its metrics to an OpenTelemetry
// Collector, which Prometheus scrapes. collector.yaml is the Collector's configuration.
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 go run ./examples/fleet/gateway -worker worker-0
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func main() {
	worker := flag.String("worker", "worker-0", "name of this worker, which no other worker has")
	engine := flag.Int("engine", 0, "index of the worker's engine")
	interval := flag.Duration("interval", time.Second, "time between two copies of blocks")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "gateway: unexpected argument %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, *worker, *engine, *interval)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run records until ctx ends, and exports a last time.
func run(ctx context.Context, worker string, index int, interval time.Duration) (err error) {
	if interval <= 0 {
		return errors.New("gateway: expected a positive interval")
	}
	// Two workers of one engine have the same series, but different resources. The
	// Collector turns the worker's name in the resource into a label.
	instance, err := resource.Merge(resource.Default(),
		resource.NewSchemaless(attribute.String("service.instance.id", worker)))
	if err != nil {
		return err
	}
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		return err
	}
	engine, err := recorder.AddEngine(index, "llama", otelkv.WithPriming())
	if err != nil {
		return err
	}
	loads, err := engine.Int64Counter(vllm.LoadBytes)
	if err != nil {
		return err
	}
	pipeline, err := exporters.Start(ctx, recorder, exporters.WithProviderOptions(sdkmetric.WithResource(instance)))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, pipeline.Shutdown(ctx))
	}()
	fmt.Println(pipeline)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			loads.Add(2 << 20)
		}
	}
}
