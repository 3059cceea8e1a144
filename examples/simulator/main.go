// SPDX-License-Identifier: Apache-2.0

// Command simulator serves the offload metrics of vLLM engines that do not exist, for work
// on dashboards, routers and autoscalers. From the first scrape, every series whose labels
// are known exists at zero. Then the values follow a generated load, which is the same in
// each run.
//
//	go run ./examples/simulator -engines 2 -tiers fs,obj
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
)

type options struct {
	listen   string
	model    string
	engines  int
	tiers    []string
	interval time.Duration
	seed     uint64
}

func main() {
	o := options{}
	tiers := ""
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8000", "the `address` for scrapes")
	flag.StringVar(&o.model, "model", "meta-llama/Llama-3.1-8B", "the label model_name")
	flag.IntVar(&o.engines, "engines", 1, "number of engines")
	flag.StringVar(&tiers, "tiers", "fs", "comma-separated `types` of the secondary tiers")
	flag.DurationVar(&o.interval, "interval", 100*time.Millisecond, "time between two steps of an engine")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the load")
	flag.Parse()
	if tiers != "" {
		o.tiers = strings.Split(tiers, ",")
	}
	if err := o.check(flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "simulator: %v\n", err)
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, o, func(p *exporters.Pipeline) { fmt.Println(p) })
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check returns everything that is wrong with the options. rest are the arguments that are
// not flags.
func (o *options) check(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q", rest[0]))
	}
	if o.engines < 1 {
		errs = append(errs, fmt.Errorf("-engines is %d, expected 1 or more", o.engines))
	}
	if o.interval <= 0 {
		errs = append(errs, fmt.Errorf("-interval is %v, expected more than 0", o.interval))
	}
	return errors.Join(errs...)
}

// run serves until ctx ends. It calls listening before the first step.
func run(ctx context.Context, o options, listening func(*exporters.Pipeline)) (err error) {
	catalogue, err := catalogue()
	if err != nil {
		return err
	}
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		return err
	}
	var loads []*load
	for index := range o.engines {
		engine, err := recorder.AddEngine(index, o.model, otelkv.WithTiers(o.tiers...), otelkv.WithPriming())
		if err != nil {
			return err
		}
		l, err := newLoad(engine, o.seed+uint64(index))
		if err != nil {
			return err
		}
		loads = append(loads, l)
	}
	// Start after adding all engines, so that every scrape has all of them.
	pipeline, err := exporters.Start(ctx, recorder,
		exporters.WithDefaultExporters("prometheus"), exporters.WithServer(o.listen))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, pipeline.Shutdown(ctx))
	}()
	listening(pipeline)
	ticker := time.NewTicker(o.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			for _, l := range loads {
				l.step()
			}
		}
	}
}
