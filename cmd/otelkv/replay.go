// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// replayOptions are the command line of "otelkv replay".
type replayOptions struct {
	format    string
	metrics   metricSelection
	catalogue *schema.Catalogue
	model     string
	engines   []int
	output    string
}

func newReplay() *cobra.Command {
	var o replayOptions
	command := &cobra.Command{
		Use:   "replay [FILE...]",
		Short: "Read recorded payloads and print their metrics",
		Long: `replay reads recorded streams of offloading stats payloads and prints what they add
up to: as a Prometheus scrape, as the JSON of vLLM's log line, or as an export.

It reads standard input if there is no file, or for the file "-". Each record has an
engine's index and its payload, as a line of JSON or as a MessagePack map. The
payload may be inside a whole SchedulerStats of vLLM. A MessagePack record may also
be an EngineCoreOutputs, as vLLM's engine core sends it.

An error is printed as FILE:RECORD: reason. replay then continues, and ends with the
exit status 1. Stats of other connectors are no error: they are ignored, and named
at the end.`,
		Example: `  otelkv replay recorded.jsonl
  otelkv replay --format msgpack --engines 0,1 -o reduce < recorded.msgpack`,
		RunE: func(command *cobra.Command, files []string) error {
			const maxLength = 1024 // as of every label value
			if !utf8.ValidString(o.model) || len(o.model) > maxLength {
				return &usageError{fmt.Errorf("--model %.64q: expected valid UTF-8 of at most %d bytes", o.model, maxLength)}
			}
			var err error
			if o.catalogue, err = o.metrics.catalogue(); err != nil {
				return err
			}
			if len(files) == 0 {
				files = []string{"-"}
			}
			return replay(command.Context(), o, files, command.InOrStdin(), command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.model, "model", "model", "the model_name label")
	flags.IntSliceVar(&o.engines, "engines", nil, "comma-separated `indexes` of the engines; any other engine is an error (default: all)")
	addChoice(command, &o.format, "format", "", "", "input format (default by file extension, else jsonl)", "jsonl", "msgpack")
	addChoice(command, &o.output, "output", "o", "prometheus", "result", "prometheus", "reduce", "console", "otlp")
	o.metrics.register(command, specTiering)
	return command
}

// checkEngine returns an error for an index that is negative, or that --engines does not
// list.
func (o *replayOptions) checkEngine(index int) error {
	switch {
	case index < 0:
		return fmt.Errorf("engine %d: expected an index that is not negative", index)
	case len(o.engines) > 0 && !slices.Contains(o.engines, index):
		return fmt.Errorf("engine %d: %w: --engines lists %v", index, otelkv.ErrUnknownEngine, o.engines)
	}
	return nil
}

// replay reads the files. It returns errBad if it printed errors.
func replay(ctx context.Context, o replayOptions, files []string, stdin io.Reader, stdout, stderr io.Writer) error {
	out, err := newOutput(ctx, o, stdout)
	if err != nil {
		return &usageError{err}
	}
	var status error
	report := func(err error) {
		fmt.Fprintln(stderr, err)
		status = errBad
	}
	for _, name := range files {
		replayFile(ctx, o, name, stdin, out, report)
	}
	if err := out.finish(ctx); err != nil {
		report(err)
	}
	if ignored := out.ignored(); len(ignored) > 0 {
		fmt.Fprintln(stderr, "ignored stats of other connectors:", list(ignored))
	}
	return status
}

// list returns counts as "name" 3, "other name" 4, sorted by name.
func list(counts map[string]int64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%.64q %d", name, counts[name]))
	}
	return strings.Join(all, ", ")
}

// replayFile adds one file's records to out.
func replayFile(ctx context.Context, o replayOptions, name string, stdin io.Reader, out output, report func(error)) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			report(fmt.Errorf("%s: %w", name, errors.Unwrap(err)))
			return
		}
		defer f.Close()
		in = f
	}
	next := jsonLines(in)
	if o.format == "msgpack" || o.format == "" && strings.EqualFold(filepath.Ext(name), ".msgpack") {
		next = messagePackRecords(in)
	}
	var r record
	for ctx.Err() == nil {
		entries, err := next(&r)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = o.checkEngine(r.engine)
		}
		if err == nil {
			err = errors.Join(entries, out.observe(ctx, &r))
		}
		for _, e := range errorlist.Each(err) {
			report(fmt.Errorf("%s:%d: %w", name, r.number, e))
		}
		if errors.Is(err, errUnreadable) {
			return
		}
	}
	report(fmt.Errorf("%s: %w", name, context.Cause(ctx)))
}
