// SPDX-License-Identifier: Apache-2.0

// Package servers builds and runs the programs that the end-to-end tests need:
// Prometheus, an OpenTelemetry Collector and the example tieredcache.
package servers

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	prometheusVersion = "v0.316.0"
	builderVersion    = "v0.155.0"
)

const (
	// buildTimeout limits the first build of one program.
	buildTimeout = 8 * time.Minute
	// outputTimeout limits how long to read output after a build was stopped.
	outputTimeout = 10 * time.Second
)

//go:embed collector-builder.yaml
var builderConfiguration []byte

// A Binary is a program that can be built.
type Binary struct {
	// Name is the name of the file in the folder of binaries. It changes with the version
	// and the configuration, so that an old program is not used.
	Name  string
	build func(ctx context.Context, dir, name string) error
}

// Binaries returns the programs that are built once and kept.
func Binaries() []Binary { return []Binary{prometheusBinary(), promtoolBinary(), collectorBinary()} }

func prometheusBinary() Binary {
	return Binary{"prometheus", func(ctx context.Context, dir, _ string) error {
		return install(ctx, dir, "github.com/prometheus/prometheus/cmd/prometheus@"+prometheusVersion)
	}}
}

func collectorBinary() Binary {
	digest := sha256.Sum256(append([]byte(builderVersion), builderConfiguration...))
	return Binary{fmt.Sprintf("collector-%x", digest[:4]), buildCollector}
}

// Directory returns the folder that the programs are kept in.
func Directory() (string, error) {
	if dir := os.Getenv("OTELKV_E2E_BIN"); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "otelkv-e2e", "prometheus-"+prometheusVersion), nil
}

// built returns the path of the program, and an error if it does not exist.
func (b Binary) built() (string, error) {
	dir, err := Directory()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, b.Name)
	if _, err := os.Stat(path); err != nil {
		return path, fmt.Errorf("%s is not built: %w", b.Name, err)
	}
	return path, nil
}

// Path returns the path of the program. It builds the program if it does not exist.
func (b Binary) Path(ctx context.Context) (string, error) {
	path, err := b.built()
	if !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	// Several processes may build the same program at the same time.
	scratch, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	if err := b.build(ctx, scratch, b.Name); err != nil {
		return "", fmt.Errorf("building %s: %w", b.Name, err)
	}
	return path, os.Rename(filepath.Join(scratch, b.Name), path)
}

// path returns the path of the program. If there is none it skips the test, or fails it
// with OTELKV_E2E_REQUIRED. With OTELKV_E2E_BUILT it builds nothing, because a download
// that hangs would hang again in every test.
func (b Binary) path(t testing.TB) string {
	t.Helper()
	path, err := b.built()
	if err != nil && os.Getenv("OTELKV_E2E_BUILT") == "" {
		path, err = b.Path(t.Context())
	}
	if err == nil {
		return path
	}
	if os.Getenv("OTELKV_E2E_REQUIRED") != "" {
		t.Fatalf("%v", err)
	}
	t.Skipf("SKIPPED, NOT TESTED: %v", err)
	return ""
}

// install puts the program of a package into dir. It leaves out the service discoveries,
// which are most of Prometheus.
func install(ctx context.Context, dir, program string) error {
	return run(ctx, dir, "go", "install", "-tags", "remove_all_sd", "-ldflags", "-s -w", program)
}

func buildCollector(ctx context.Context, dir, name string) error {
	if err := install(ctx, dir, "go.opentelemetry.io/collector/cmd/builder@"+builderVersion); err != nil {
		return err
	}
	configuration := strings.ReplaceAll(string(builderConfiguration), "OUTPUT", filepath.Join(dir, "collector"))
	file := filepath.Join(dir, "collector-builder.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return err
	}
	if err := run(ctx, dir, filepath.Join(dir, "builder"), "--config", file); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "collector", "collector"), filepath.Join(dir, name))
}

// run runs a command in dir, outside of this module.
func run(ctx context.Context, dir, program string, arguments ...string) error {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = dir
	command.WaitDelay = outputTimeout
	command.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off")
	output, err := command.CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", command, err), errors.New(tail(output)))
	}
	return nil
}

// tail returns the end of a long text.
func tail(text []byte) string {
	const most = 4 << 10
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return strings.TrimSpace(string(text))
}
