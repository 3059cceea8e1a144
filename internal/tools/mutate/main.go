// SPDX-License-Identifier: Apache-2.0

// Mutate makes one small change in a package at a time and runs the package's tests, which
// should fail. It prints the changes that no test notices.
//
//	go run ./internal/tools/mutate [-n 60] [-seed 1] [-short] [-run regexp] ./otelkv/tiering ./otelkv/ingest
//
// It changes no files, because the go command has overlays. It tries at most n changes of a
// package, which the seed chooses. A test run that takes too long counts as failed. A change
// that does not compile does not count.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// run mutates the packages in the arguments.
func run(ctx context.Context, arguments []string, out io.Writer) (err error) {
	var t tester
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	n := flags.Int("n", 60, "how many changes of a package to try")
	seed := flags.Uint64("seed", 1, "chooses the changes")
	flags.BoolVar(&t.short, "short", false, "run the tests with -short")
	flags.StringVar(&t.pattern, "run", "", "run the tests that match")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("expected packages, such as ./otelkv/tiering")
	}
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	t.folder = folder
	for _, name := range flags.Args() {
		if err := mutate(ctx, t, name, *n, rand.New(rand.NewPCG(*seed, 0)), out); err != nil {
			return fmt.Errorf("package %s: %w", name, err)
		}
	}
	return nil
}

// mutate tries up to n mutants of a package and prints those that survive.
func mutate(ctx context.Context, t tester, name string, n int, random *rand.Rand, out io.Writer) error {
	t.name = name
	all, err := mutantsOf(ctx, name)
	if err != nil {
		return err
	}
	began := time.Now()
	switch passed, output, err := t.test(ctx, 10*time.Minute, ""); {
	case err != nil:
		return err
	case !passed:
		return fmt.Errorf("the tests fail without a change:\n%s", output)
	}
	limit := max(10*time.Second, 5*time.Since(began))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	tried, survived := 0, 0
	for _, m := range all {
		if tried == n {
			break
		}
		viable, passed, err := t.try(ctx, limit, m)
		if err != nil {
			return err
		}
		if !viable {
			continue
		}
		tried++
		if passed {
			survived++
			fmt.Fprintf(out, "%s: %s: %s\n", m.position, m.change, m.line())
		}
	}
	fmt.Fprintf(out, "%s: of %d changes %d were tried, and %d survived\n", name, len(all), tried, survived)
	return nil
}

// mutantsOf returns the mutants of a package's files for this platform, without tests.
func mutantsOf(ctx context.Context, name string) ([]mutant, error) {
	output, err := exec.CommandContext(ctx, "go", "list", "-json=Dir,GoFiles", name).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, err
	}
	var listed struct {
		Dir     string
		GoFiles []string
	}
	if err := json.Unmarshal(output, &listed); err != nil {
		return nil, err
	}
	var all []mutant
	for _, file := range listed.GoFiles {
		path := filepath.Join(listed.Dir, file)
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		of, err := mutants(path, source)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

// A tester runs the tests of a package.
type tester struct {
	name    string
	folder  string // for overlays
	short   bool
	pattern string
}

// try runs the tests with a mutant. It is viable if it compiles.
func (t tester) try(ctx context.Context, limit time.Duration, m mutant) (viable, passed bool, err error) {
	changed, overlay := filepath.Join(t.folder, "changed.go"), filepath.Join(t.folder, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: changed}})
	if err != nil {
		return false, false, err
	}
	err = errors.Join(os.WriteFile(changed, m.apply(), 0o600), os.WriteFile(overlay, replace, 0o600))
	if err != nil {
		return false, false, err
	}
	passed, output, err := t.test(ctx, limit, overlay)
	return !strings.Contains(output, "[build failed]"), passed, err
}

// test runs the tests, for no longer than the limit.
func (t tester) test(ctx context.Context, limit time.Duration, overlay string) (passed bool, output string, err error) {
	arguments := []string{"test", "-count=1", "-failfast", "-vet=off", "-timeout", limit.String()}
	if t.short {
		arguments = append(arguments, "-short")
	}
	if t.pattern != "" {
		arguments = append(arguments, "-run", t.pattern)
	}
	if overlay != "" {
		arguments = append(arguments, "-overlay", overlay)
	}
	command := exec.CommandContext(ctx, "go", append(arguments, t.name)...)
	text, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return false, string(text), nil
	}
	return err == nil, string(text), err
}
