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
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/otelkv/otelkv-go/schema"
)

// replayOptions are the command line of "otelkv replay".
type replayOptions struct {
	format    string
	spec      spec
	catalogue *schema.Catalogue
	model     string
	engines   []int
	output    string
	files     []string
}

func newReplay() *cobra.Command {
	var o replayOptions
	var engines string
	command := &cobra.Command{
		Use:   "replay [FILE...]",
		Short: "Read recorded payloads, and print the metrics that they make",
		Long: `replay reads recorded streams of offloading stats payloads and prints what they
amount to: the exposition of Prometheus, vLLM's log line as JSON, or an export.

It reads standard input where no file is given, or for the file "-". Each record
holds an engine's index and its payload, as a line of JSON or as a MessagePack map.
The payload may stand in a whole SchedulerStats of vLLM, and a MessagePack record
may be an EngineCoreOutputs, as vLLM's engine core sends it.

What is wrong is printed as FILE:RECORD: reason, the rest goes on, and the exit
status is 1 at the end. Stats of other connectors are not wrong: they are ignored,
and named at the end.`,
		Example: `  otelkv replay recorded.jsonl
  otelkv replay --format msgpack --engines 0,1 -o reduce < recorded.msgpack`,
		RunE: func(command *cobra.Command, args []string) error {
			if err := o.complete(engines, args); err != nil {
				return err
			}
			return replay(command.Context(), o, command.InOrStdin(), command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.format, "format", "", "input format: jsonl or msgpack (default by file extension, else jsonl)")
	flags.StringVar(&o.model, "model", "model", "the model_name label")
	flags.StringVar(&engines, "engines", "", "comma-separated `indexes` of the engines served; any other is an error (default: those seen)")
	flags.StringVarP(&o.output, "output", "o", "prometheus", "prometheus, reduce, console or otlp")
	o.spec.register(command, specTiering)
	complete(command, "format", "jsonl", "msgpack")
	complete(command, "output", "prometheus", "reduce", "console", "otlp")
	return command
}

// complete checks the flags, and adds the arguments.
func (o *replayOptions) complete(engines string, args []string) error {
	errs := []error{checkModel(o.model), oneOf("--output", o.output, "prometheus", "reduce", "console", "otlp"), o.setEngines(engines)}
	if o.format != "" {
		errs = append(errs, oneOf("--format", o.format, "jsonl", "msgpack"))
	}
	if err := errors.Join(errs...); err != nil {
		return &usageError{err}
	}
	var err error
	if o.catalogue, err = o.spec.catalogue(); err != nil {
		return err
	}
	if o.files = args; len(args) == 0 {
		o.files = []string{"-"}
	}
	return nil
}

// maxLabelLength is the length in bytes up to which a recorder takes a label value.
const maxLabelLength = 1024

func checkModel(model string) error {
	if utf8.ValidString(model) && len(model) <= maxLabelLength {
		return nil
	}
	return fmt.Errorf("--model %.64q: expected valid UTF-8 of at most %d bytes", model, maxLabelLength)
}

func (o *replayOptions) setEngines(list string) error {
	if list == "" {
		return nil
	}
	for text := range strings.SplitSeq(list, ",") {
		index, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || index < 0 || slices.Contains(o.engines, index) {
			return fmt.Errorf("--engines %q: %q is no index, or given twice", list, text)
		}
		o.engines = append(o.engines, index)
	}
	return nil
}

// replay reads the files. It returns errBad if it has printed what was wrong.
func replay(ctx context.Context, o replayOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	out, err := newOutput(ctx, o, stdout)
	if err != nil {
		return &usageError{err}
	}
	var status error
	report := func(err error) {
		fmt.Fprintln(stderr, err)
		status = errBad
	}
	for _, name := range o.files {
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

// list returns counts as "name" 3, "other name" 4, in the order of the names.
func list(counts map[string]int64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%.64q %d", name, counts[name]))
	}
	return strings.Join(all, ", ")
}

// replayFile feeds one file's records to out.
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
	records := o.reader(name, in)
	var r record
	for ctx.Err() == nil {
		entries, err := records.next(&r)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = errors.Join(entries, out.observe(ctx, &r))
		}
		for _, e := range each(err) {
			report(fmt.Errorf("%s:%d: %w", name, records.position(), e))
		}
		if errors.Is(err, errFraming) {
			return
		}
	}
	report(fmt.Errorf("%s: %w", name, context.Cause(ctx)))
}

func (o *replayOptions) reader(name string, in io.Reader) recordReader {
	format := o.format
	if format == "" && strings.EqualFold(filepath.Ext(name), ".msgpack") {
		format = "msgpack"
	}
	if format == "msgpack" {
		return newMessagePackStream(in)
	}
	return newJSONLines(in)
}

// each returns the errors that err joins, one for each line of its text.
func each(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.Contains(err.Error(), "\n") {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}
