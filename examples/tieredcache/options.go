// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// Options are the flags and the fixed sizes.
type Options struct {
	Listen   string
	Duration time.Duration
	Interval time.Duration
	Engines  int
	Dir      string
	Seed     uint64

	Sizes    Sizes
	Workload Workload
}

// defaultOptions returns a load for any machine: some megabytes per second and engine, and
// tiers that are small enough to evict within a minute.
func defaultOptions() Options {
	return Options{
		Interval: 10 * time.Second,
		Engines:  2,
		Seed:     1,
		Sizes: Sizes{
			ChunkBytes:    64 << 10,
			GPUChunks:     8 * 44,
			PrimaryChunks: 512,
			FileChunks:    4096,
			FileWorkers:   4,
			FileQueue:     64,
			MaxRequests:   8,
			MaxDeferrals:  64,
			Step:          5 * time.Millisecond,
		},
		Workload: Workload{
			Rate:       20,
			Families:   64,
			Popularity: 1.1,
			Prefix:     Range{8, 40},
			Suffix:     Range{1, 4},
		},
	}
}

const usage = `Usage: tieredcache [flags]

A KV-block cache with two tiers and a generated load. It serves its metrics at
http://127.0.0.1:9464/metrics until it is interrupted.

OTEL_METRICS_EXPORTER chooses other exporters, for example prometheus,otlp.

Flags:
`

// parse sets the options from arguments. It prints usage errors to output, and also the help
// when it returns [flag.ErrHelp].
func (o *Options) parse(arguments []string, output io.Writer) error {
	flags := flag.NewFlagSet("tieredcache", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Usage = func() {
		fmt.Fprint(output, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.Listen, "listen", o.Listen, "serve scrapes at this `address`; port 0 is any free port (default 127.0.0.1:9464)")
	flags.DurationVar(&o.Duration, "duration", o.Duration, "stop after this time; 0 runs until interrupted")
	flags.DurationVar(&o.Interval, "interval", o.Interval, "time between two summary lines")
	flags.IntVar(&o.Engines, "engines", o.Engines, "number of engines")
	flags.StringVar(&o.Dir, "dir", o.Dir, "`directory` of the file tier (default a temporary one, which is removed at the end)")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "seed of the requests")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	err := o.check(flags.Args())
	if err != nil {
		fmt.Fprintf(output, "%v\n", err)
		flags.Usage()
	}
	return err
}

func (o *Options) check(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q", rest[0]))
	}
	if o.Duration < 0 {
		errs = append(errs, fmt.Errorf("-duration is %v, expected 0 or more", o.Duration))
	}
	if o.Interval <= 0 {
		errs = append(errs, fmt.Errorf("-interval is %v, expected more than 0", o.Interval))
	}
	if o.Engines < 1 {
		errs = append(errs, fmt.Errorf("-engines is %d, expected 1 or more", o.Engines))
	}
	return errors.Join(errs...)
}
