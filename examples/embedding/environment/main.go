// SPDX-License-Identifier: Apache-2.0

// Command environment is a service whose operator chooses the exporters. With these
// variables, it serves scrapes and pushes the same series:
//
//	OTEL_METRICS_EXPORTER=prometheus,otlp
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318
//	OTEL_EXPORTER_PROMETHEUS_HOST=0.0.0.0
//
// It runs until it is interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, func(pipeline *exporters.Pipeline) { fmt.Println(pipeline) })
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It calls started when the metrics can be scraped.
func run(ctx context.Context, started func(*exporters.Pipeline)) (err error) {
	recorder, err := otelkv.New(vllm.CPUSpec(0), otelkv.WithSelfMetrics())
	if err != nil {
		return err
	}
	engine, err := recorder.AddEngine(0, "llama", otelkv.WithPriming())
	if err != nil {
		return err
	}
	loads, err := engine.Int64Counter(vllm.LoadBytes)
	if err != nil {
		return err
	}
	pipeline, err := exporters.Start(ctx, recorder, exporters.WithDefaultExporters("prometheus"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutDown(ctx, pipeline)) }()
	loads.Add(4096)
	started(pipeline)
	<-ctx.Done()
	return nil
}

// shutDown allows five seconds for the last export.
func shutDown(ctx context.Context, pipeline *exporters.Pipeline) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return pipeline.Shutdown(ctx)
}
