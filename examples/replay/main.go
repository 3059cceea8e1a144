// Replay reads recorded streams of offloading stats payloads and emits what they
// amount to.
//
//	go run ./examples/replay [flags] [FILE...]
//
// It reads standard input where no file is given, or for the file "-". Each
// record holds an engine's index and its payload, as a line of JSON or as a
// MessagePack map. The payload may stand in a whole SchedulerStats of vLLM, and a
// MessagePack record may be an EngineCoreOutputs, as vLLM's engine core sends it.
//
// What is wrong is printed as FILE:RECORD: reason, the rest goes on, and the exit
// status is 1 at the end; it is 2 for a usage error. Stats of other connectors are
// not wrong: they are ignored, and named at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the reading after the record at hand, a second one the
	// program, which may be waiting for that record.
	context.AfterFunc(ctx, stop)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// The exit statuses.
const (
	exitGood  = 0
	exitBad   = 1
	exitUsage = 2
)

// options are the command line.
type options struct {
	format    string
	catalogue *schema.Catalogue
	model     string
	engines   []int
	output    string
	files     []string
}

// parse reads the command line. It has printed what is wrong when it returns an
// error.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: replay [flags] [FILE...]")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.format, "format", "", "input `format`: jsonl or msgpack (default by file extension, else jsonl)")
	spec := flags.String("spec", "tiering", "the `specification` whose metrics are known: cpu, tiering or simple")
	flags.StringVar(&o.model, "model", "model", "the model_name label")
	engines := flags.String("engines", "", "comma-separated `indexes` of the engines served; any other is an error (default: those seen)")
	flags.StringVar(&o.output, "o", "prometheus", "`output`: prometheus, reduce, console or otlp")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	err := errors.Join(
		checkModel(o.model),
		oneOf("-format", o.format, "", "jsonl", "msgpack"),
		oneOf("-spec", *spec, "cpu", "tiering", "simple"),
		oneOf("-o", o.output, "prometheus", "reduce", "console", "otlp"),
		o.setEngines(*engines),
	)
	if err != nil {
		fmt.Fprintln(stderr, err)
		flags.Usage()
		return o, err
	}
	o.catalogue = catalogueOf(*spec)
	o.files = flags.Args()
	if len(o.files) == 0 {
		o.files = []string{"-"}
	}
	return o, nil
}

func checkModel(model string) error {
	if utf8.ValidString(model) && len(model) <= otelkv.MaxLabelLength {
		return nil
	}
	return fmt.Errorf("-model %.64q: expected valid UTF-8 of at most %d bytes", model, otelkv.MaxLabelLength)
}

func oneOf(name, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s %q: expected one of %s", name, value, strings.TrimPrefix(strings.Join(allowed, ", "), ", "))
}

func (o *options) setEngines(list string) error {
	if list == "" {
		return nil
	}
	for text := range strings.SplitSeq(list, ",") {
		index, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || index < 0 || slices.Contains(o.engines, index) {
			return fmt.Errorf("-engines %q: %q is no index, or given twice", list, text)
		}
		o.engines = append(o.engines, index)
	}
	return nil
}

func catalogueOf(spec string) *schema.Catalogue {
	switch spec {
	case "cpu":
		return vllm.CPUSpec(2) // with stores_skipped, which a threshold of 2 turns on
	case "simple":
		return vllm.SimpleCPUSpec()
	}
	return vllm.TieringSpec()
}

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitGood
	case err != nil:
		return exitUsage
	}
	out, err := newOutput(ctx, o, stdout)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	status := exitGood
	report := func(err error) {
		fmt.Fprintln(stderr, err)
		status = exitBad
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
func replayFile(ctx context.Context, o options, name string, stdin io.Reader, out output, report func(error)) {
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

func (o *options) reader(name string, in io.Reader) recordReader {
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
