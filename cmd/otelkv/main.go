// SPDX-License-Identifier: Apache-2.0

// Command otelkv receives the stats of KV-cache offloading from other processes and
// exports them.
//
//	otelkv sidecar     receive payloads from a vLLM server on the same host
//	otelkv replay      read recorded payloads and print their metrics
//	otelkv catalogue   print the metrics
//
// The exit status is 0 for success, 1 for an error and 2 for a usage error.
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
	// The first signal shuts down, a second one ends the program at once.
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

// A usageError is an error of the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errBad ends the program with the status 1. The errors have been printed.
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
		// The root runs nothing, so the command was unknown.
		fmt.Fprintf(stderr, "%v\nRun %q for help.\n", err, command.CommandPath()+" --help")
		return exitUsage
	}
	fmt.Fprintln(stderr, err)
	return exitBad
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "otelkv",
		Short: "Receive the stats of KV-cache offloading and export them",
		Long: `otelkv receives the stats of KV-cache offloading from other processes, such as vLLM
servers. It exports them to Prometheus, under vLLM's own names, and over OTLP.

The exit status is 0 for success, 1 for an error and 2 for a usage error.`,
		Version:       otelkv.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newSidecar(), newReplay(), newCatalogue())
	return root
}

// noArguments returns a usage error if there are arguments.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %.64q", args[0])}
	}
	return nil
}
