// SPDX-License-Identifier: Apache-2.0

// Command table measures the benchmarks and writes the tables of docs/performance.md, and a
// short one of the README, from them.
//
//	go run ./cmd/table [flags] ../../docs/performance.md ../../README.md
//
// It runs all benchmarks once, then all of them again, and so on. The runs of one
// implementation are spread over the whole measurement, so a disturbance of the machine
// affects all implementations. The tables show medians, as benchstat computes them. They
// replace the text between two marks in each file.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// The marks before and after the table in the document.
const (
	beginMark = "<!-- benchmark table: begin -->"
	endMark   = "<!-- benchmark table: end -->"
)

func main() {
	log := os.Stderr
	if err := run(os.Args[1:], log); err != nil {
		fmt.Fprintln(log, "table:", err)
		os.Exit(1)
	}
}

func run(arguments []string, log io.Writer) error {
	flags := flag.NewFlagSet("table", flag.ContinueOnError)
	flags.SetOutput(log)
	runs := flags.Int("runs", 6, "how often everything is measured")
	benchtime := flags.String("benchtime", "500ms", "how long each benchmark runs")
	from := flags.String("from", "", "take the measurements from this file, as go test printed them, and measure nothing")
	to := flags.String("to", "", "also write the measurements to this file, for benchstat")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		return errors.New("expected the page and the README whose tables are to be replaced")
	}
	output, err := measurements(*from, *runs, *benchtime, log)
	if err != nil {
		return err
	}
	if *to != "" {
		if err := os.WriteFile(*to, output, 0o644); err != nil {
			return err
		}
	}
	measured, err := parse(bytes.NewReader(output))
	if err != nil {
		return err
	}
	versions, err := versions()
	if err != nil {
		return err
	}
	var all, short strings.Builder
	if err := errors.Join(measured.write(&all, versions), measured.table(&short, "", shortColumns(), shortRows())); err != nil {
		return err
	}
	return errors.Join(replace(flags.Arg(0), all.String()), replace(flags.Arg(1), short.String()))
}

// measurements returns what go test prints of all runs.
func measurements(from string, runs int, benchtime string, log io.Writer) ([]byte, error) {
	if from != "" {
		return os.ReadFile(from)
	}
	var output bytes.Buffer
	for i := range runs {
		fmt.Fprintf(log, "run %d of %d\n", i+1, runs)
		command := exec.Command("go", "test", "-run", "^$", "-bench", ".", "-benchtime", benchtime, "-timeout", "1h", ".")
		command.Stdout = io.MultiWriter(&output, log)
		command.Stderr = log
		if err := command.Run(); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(command.Args, " "), err)
		}
	}
	return output.Bytes(), nil
}

// versions returns the versions of Go and of the modules that are compared, for
// people to read.
func versions() (string, error) {
	modules := []string{
		"go.opentelemetry.io/otel/sdk/metric",
		"go.opentelemetry.io/otel/exporters/prometheus",
		"github.com/prometheus/client_golang",
		"github.com/VictoriaMetrics/metrics",
		"github.com/tinylib/msgp",
	}
	command := exec.Command("go", append([]string{"list", "-m", "-f", "{{.Path}} {{.Version}}"}, modules...)...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(command.Args, " "), err)
	}
	list := strings.Join(strings.Split(strings.TrimSpace(string(output)), "\n"), ", ")
	goVersion := strings.Replace(runtime.Version(), "go", "Go ", 1)
	return goVersion + ", " + strings.NewReplacer("go.opentelemetry.io/", "", "github.com/", "").Replace(list), nil
}

// replace puts text between the marks of a file.
func replace(path, text string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(content, []byte(beginMark))
	_, after, ends := bytes.Cut(rest, []byte(endMark))
	if !begins || !ends {
		return fmt.Errorf("%s: expected %s and then %s", path, strconv.Quote(beginMark), strconv.Quote(endMark))
	}
	replaced := string(before) + beginMark + "\n" + text + endMark + string(after)
	return os.WriteFile(path, []byte(replaced), 0o644)
}
