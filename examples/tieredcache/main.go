// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/otelkv/otelkv-go/otelkv"
)

// shutdownTimeout bounds the last export or scrape.
const shutdownTimeout = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], defaultOptions(), os.Stdout, os.Stderr))
}

// run is the program. options are the defaults of the flags. It returns the exit status: 0,
// 1 for an error, or 2 for a usage error.
func run(ctx context.Context, arguments []string, options Options, stdout, stderr io.Writer) int {
	switch err := options.parse(arguments, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if err := serve(ctx, options, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "tieredcache: %v\n", err)
		return 1
	}
	return 0
}

// serve starts everything, runs the cache and shuts everything down.
func serve(ctx context.Context, options Options, stdout, stderr io.Writer) (err error) {
	dir, remove, err := openDir(options.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()

	catalogue, err := catalogue()
	if err != nil {
		return err
	}
	recorder, err := otelkv.New(catalogue, otelkv.WithSelfMetrics())
	if err != nil {
		return err
	}
	cache, err := NewCache(options, dir, recorder, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	// Start after adding all engines, so that every scrape has all of them.
	pipeline, err := startPipeline(ctx, recorder, options.Listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(pipeline)) }()
	if url := pipeline.URL(); url != "" {
		fmt.Fprintf(stdout, "Serving metrics at %s, and a live page at http://%v/\n", url, pipeline.Addr())
	} else {
		fmt.Fprintf(stdout, "Running, %v\n", pipeline)
	}
	return runFor(ctx, options, cache, stdout)
}

// runFor runs the cache for the duration of the options. It prints a summary line after each
// interval and at the end.
func runFor(ctx context.Context, options Options, cache *Cache, stdout io.Writer) error {
	if options.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, options.Duration)
		defer cancel()
	}
	interval := time.NewTicker(options.Interval)
	defer interval.Stop()
	ended := make(chan error)
	go func() { ended <- cache.Run(ctx) }()
	for {
		select {
		case <-interval.C:
			fmt.Fprintln(stdout, cache.Summary())
		case err := <-ended:
			fmt.Fprintln(stdout, cache.Summary())
			return err
		}
	}
}

// shutdown shuts s down, with its own timeout.
func shutdown(s interface{ Shutdown(context.Context) error }) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return s.Shutdown(ctx)
}

// openDir returns the directory of the file tier, and a function that removes it if it is
// temporary.
func openDir(named string) (dir string, remove func() error, err error) {
	if named != "" {
		return named, func() error { return nil }, os.MkdirAll(named, 0o700)
	}
	dir, err = os.MkdirTemp("", "tieredcache-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}
