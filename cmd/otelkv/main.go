// SPDX-License-Identifier: Apache-2.0

// Command otelkv takes the stats of KV-cache offloading from other processes, and
// exports them.
//
//	otelkv sidecar     take payloads as they come, beside a vLLM server
//	otelkv replay      read recorded payloads, and print the metrics that they make
//	otelkv catalogue   print the metrics
//
// The exit status is 0, 1 where something went wrong, and 2 for a usage error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/otelkv/otelkv-go/otelkv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends what is under way, a second one the program.
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

// A usageError says what is wrong with the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errBad ends the program with the status 1. What was bad has been printed.
var errBad = errors.New("bad input")

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	_, isUsage := errors.AsType[*usageError](err)
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errBad):
		return exitBad
	case isUsage || command == root:
		// The root runs nothing, so that it was a command that there is not.
		fmt.Fprintf(stderr, "%v\nRun %q for help.\n", err, command.CommandPath()+" --help")
		return exitUsage
	}
	fmt.Fprintln(stderr, err)
	return exitBad
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "otelkv",
		Short: "Take the stats of KV-cache offloading, and export them",
		Long: `otelkv takes the stats of KV-cache offloading from other processes, such as vLLM
servers, and exports them: to Prometheus under vLLM's own names, and over OTLP.

The exit status is 0, 1 where something went wrong, and 2 for a usage error.`,
		Version:       otelkv.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newSidecar(), newReplay(), newCatalogue())
	return root
}

// noArguments refuses arguments as a usage error.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %.64q", args[0])}
	}
	return nil
}
