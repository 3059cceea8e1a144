// SPDX-License-Identifier: Apache-2.0

// Command fleet collects the offload stats of many workers in one process:
//
//	fleet aggregate -listen 127.0.0.1:8080
//	fleet work -to http://127.0.0.1:8080 -engine 0
//	fleet work -to http://127.0.0.1:8080 -engine 1
//
// Workers send payloads in batches over HTTP. Prometheus scrapes the aggregating process at
// /metrics of the same address. The example shows how to embed package ingest in a service;
// "otelkv sidecar" is a complete program. docs/fleet.md says when to use an OpenTelemetry
// Collector instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

const usage = `usage: fleet aggregate [-listen address]
       fleet work -to url [-model llama] [-engine 0] [-interval 1s]`

// errUsage is an error of the command line.
var errUsage = errors.New("fleet: bad usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "%v\n%s\n", err, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the program. An unknown flag ends the process, as package flag does.
func run(ctx context.Context, arguments []string, out io.Writer) error {
	if len(arguments) == 0 {
		return fmt.Errorf("%w: expected aggregate or work", errUsage)
	}
	switch command, rest := arguments[0], arguments[1:]; command {
	case "aggregate":
		return aggregate(ctx, rest, out)
	case "work":
		return work(ctx, rest)
	case "-h", "-help", "--help":
		_, err := fmt.Fprintln(out, usage)
		return err
	default:
		return fmt.Errorf("%w: %q: expected aggregate or work", errUsage, command)
	}
}

// parse sets the flags. Other arguments are an error.
func parse(flags *flag.FlagSet, arguments []string) error {
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	return nil
}

// aggregate serves until ctx ends. It writes its URL to out.
func aggregate(ctx context.Context, arguments []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("fleet aggregate", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "the `address` for batches and scrapes")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	recorder, err := otelkv.New(vllm.TieringSpec(), otelkv.WithSelfMetrics(ingest.Catalogue()))
	if err != nil {
		return err
	}
	receiver, err := ingest.New(recorder, ingest.WithEngineOptions(otelkv.WithPriming()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, withTimeout(ctx, receiver.Shutdown)) }()
	pipeline, err := exporters.Start(ctx, recorder, exporters.WithDefaultExporters("prometheus"), exporters.WithoutServer())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, withTimeout(ctx, pipeline.Shutdown)) }()
	server, err := prometheus.StartServer(*listen, pipeline.Handler(), prometheus.WithHTTPServer(func(_ *http.Server, mux *http.ServeMux) {
		mux.Handle("POST /v1/batches", receiver)
	}))
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

// withTimeout calls f, which shuts something down, with a timeout of five seconds.
func withTimeout(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return f(ctx)
}
