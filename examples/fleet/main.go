// Command fleet collects the offload stats of many workers in one process:
//
//	fleet aggregate -listen 127.0.0.1:8080 -engines 0,1
//	fleet work -to http://127.0.0.1:8080 -engine 0
//	fleet work -to http://127.0.0.1:8080 -engine 1
//
// Workers send payloads, MessagePack in batches over HTTP, and the aggregating
// process is scraped, at /metrics of the same address. README.md has the protocol,
// and says when to use an OpenTelemetry Collector instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// errUsage says how the program is called.
var errUsage = errors.New("usage: fleet aggregate [-listen address] [-model name] [-engines 0,1] | fleet work -to url [-engine 0] [-interval 1s]")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, out io.Writer) error {
	if len(arguments) == 0 {
		return errUsage
	}
	switch arguments[0] {
	case "aggregate":
		return aggregate(ctx, arguments[1:], out)
	case "work":
		return work(ctx, arguments[1:])
	}
	return errUsage
}

// aggregate serves until ctx ends. It writes its address to out.
func aggregate(ctx context.Context, arguments []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("aggregate", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "where batches are taken and scrapes are served")
	model := flags.String("model", "llama", "the label model_name")
	engines := flags.String("engines", "0", "indexes of the engines whose workers send, by comma")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	catalogue := vllm.TieringSpec()
	pipeline, err := exporters.New(ctx, catalogue, exporters.WithDefaultExporters(exporters.Prometheus), exporters.WithoutServer())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, withTimeout(ctx, pipeline.Shutdown)) }()
	recorder, err := otelkv.New(catalogue, otelkv.WithMeterProvider(pipeline))
	if err != nil {
		return err
	}
	for text := range strings.SplitSeq(*engines, ",") {
		index, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("fleet: engine %q: expected a number", text)
		}
		if _, err := recorder.AddEngine(index, *model, otelkv.WithPriming()); err != nil {
			return err
		}
	}
	server, err := prometheus.StartServer(*listen, pipeline.Handler(),
		prometheus.WithHandler("POST /batches/{sender}/{sequence}", newAggregator(recorder)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, withTimeout(ctx, server.Shutdown)) }()
	if _, err := fmt.Fprintf(out, "http://%s\n", server.Addr()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// withTimeout calls f, which takes something down, with five seconds to do so.
func withTimeout(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return f(ctx)
}
