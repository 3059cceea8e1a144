// SPDX-License-Identifier: Apache-2.0

// Package processes runs every program of the repository as a process and ends it in
// every way. It checks the exit status, what the program delivered, and what it left
// behind.
package processes

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/internal/e2e/loopback"
	"github.com/otelkv/otelkv-go/internal/e2e/receiver"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ending is how long a program may take to end.
const ending = 10 * time.Second

// A program is one that runs until a signal ends it.
type program struct {
	path      string
	arguments []string
	ready     *regexp.Regexp
}

// run runs the program until it is ready. It shows its metrics to scrapes, and pushes
// them to an OTLP receiver when it ends.
func (p program) run(t *testing.T, endpoint string) *servers.Process {
	t.Helper()
	process := servers.Run(t, p.path, []string{
		"OTEL_METRICS_EXPORTER=prometheus,otlp", "OTEL_EXPORTER_PROMETHEUS_PORT=0",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + endpoint,
		"OTEL_METRIC_EXPORT_INTERVAL=3600000",
	}, p.arguments...)
	process.AwaitLog(t, p.ready)
	return process
}

// programs are all programs with a pipeline. They keep their files in dir.
func programs(t *testing.T, dir string) map[string]program {
	t.Helper()
	addresses := loopback.FreeAddresses(t, 4)
	pipeline := regexp.MustCompile(`otelkv pipeline: prometheus, otlp`)
	return map[string]program{
		"tieredcache": {
			servers.BuildProgram(t, "examples/tieredcache"),
			[]string{"-listen=" + addresses[0], "-dir=" + filepath.Join(dir, "chunks")}, regexp.MustCompile("Serving metrics at"),
		},
		"simulator": {servers.BuildProgram(t, "examples/simulator"), []string{"-listen=" + addresses[1]}, pipeline},
		"fleet aggregate": {
			servers.BuildProgram(t, "examples/fleet"), []string{"aggregate", "-listen=" + addresses[2]}, regexp.MustCompile("http://"),
		},
		"gateway":     {servers.BuildProgram(t, "examples/fleet/gateway"), nil, pipeline},
		"environment": {servers.BuildProgram(t, "examples/embedding/environment"), nil, pipeline},
		"sidecar": {
			servers.BuildProgram(t, "cmd/otelkv"),
			[]string{"sidecar", "--listen=unix://" + filepath.Join(dir, "s"), "--listen=http://" + addresses[3], "--health=", "--state=" + filepath.Join(dir, "state")},
			regexp.MustCompile("msg=ready"),
		},
	}
}

// TestPrograms ends each program in every way.
func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	for name, p := range programs(t, dir) {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(name+"/"+signal.String(), func(t *testing.T) { endBySignal(t, p, signal) })
		}
		t.Run(name+"/interrupted twice", func(t *testing.T) { endBySecondSignal(t, p) })
		t.Run(name+"/killed", func(t *testing.T) { killAndRestart(t, p) })
	}
	for _, name := range names(t, filepath.Join(dir, "chunks")) {
		if !strings.HasSuffix(name, ".chunk") {
			t.Errorf("%s is left", name)
		}
	}
	if left := names(t, dir); !slices.Equal(left, []string{"chunks"}) {
		t.Errorf("left are %v, want the chunks", left)
	}
}

// endBySignal: a program exports a last time and ends with status 0.
func endBySignal(t *testing.T, p program, signal os.Signal) {
	r := receiver.New(t, nil)
	r.Start(t)
	process := p.run(t, r.Address())
	process.Signal(t, signal)
	if status := process.Wait(t, ending); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if r.Requests() == 0 {
		t.Error("nothing was exported at the end")
	}
}

// endBySecondSignal: a program whose last export hangs ends at once.
func endBySecondSignal(t *testing.T, p program) {
	r := receiver.New(t, nil)
	r.Answer(func(ctx context.Context, _ *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	r.Start(t)
	interruptTwice(t, p.run(t, r.Address()), func() bool { return r.Requests() > 0 })
}

// killAndRestart: a program that was killed runs again in the same place, and ends
// normally.
func killAndRestart(t *testing.T, p program) {
	r := receiver.New(t, nil)
	r.Start(t)
	for range 3 {
		process := p.run(t, r.Address())
		time.Sleep(200 * time.Millisecond)
		process.Kill()
	}
	process := p.run(t, r.Address())
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	if status := process.Wait(t, ending); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if n := r.Sum("tieredcache.corrupt_chunks"); n != 0 {
		t.Errorf("%v chunks of the runs before are corrupt", n)
	}
}

// interruptTwice interrupts a process, and again while it hangs in its shutdown.
func interruptTwice(t *testing.T, process *servers.Process, hangs func() bool) {
	t.Helper()
	process.Signal(t, os.Interrupt)
	for deadline := time.Now().Add(ending); !hangs(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) || !process.Running() {
			t.Fatal("it does not export a last time")
		}
	}
	time.Sleep(100 * time.Millisecond)
	if !process.Running() {
		t.Fatal("it did not wait for its last export")
	}
	process.Signal(t, os.Interrupt)
	process.Wait(t, 3*time.Second)
	if signal := process.KilledBy(); signal != syscall.SIGINT {
		t.Errorf("it was ended by %v, want an interrupt", signal)
	}
}

// TestWorkerSignals: a worker delivers all that it has after one signal, and ends at once
// after two.
func TestWorkerSignals(t *testing.T) {
	path := servers.BuildProgram(t, "examples/fleet")
	var requests atomic.Int64
	var hangs atomic.Bool
	address := loopback.FreeAddresses(t, 1)[0]
	server := &http.Server{Addr: address, ReadHeaderTimeout: ending, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		if hangs.Load() {
			<-r.Context().Done()
		}
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.ListenAndServe()
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	start := func() *servers.Process {
		before := requests.Load()
		process := servers.Run(t, path, nil, "work", "-to=http://"+address, "-interval=20ms")
		for deadline := time.Now().Add(ending); requests.Load() == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the worker delivers nothing")
			}
		}
		return process
	}
	process := start()
	process.Signal(t, syscall.SIGTERM)
	if status := process.Wait(t, ending); status != 0 {
		t.Errorf("exit status %d", status)
	}
	hangs.Store(true)
	process = start()
	before := requests.Load()
	interruptTwice(t, process, func() bool { return requests.Load() > before })
}

// TestProgramsThatEnd: the examples that end by themselves end with status 0.
func TestProgramsThatEnd(t *testing.T) {
	for _, name := range []string{"autoexport", "globalprovider", "hostregistry", "ownprovider", "registerer"} {
		t.Run(name, func(t *testing.T) {
			process := servers.Run(t, servers.BuildProgram(t, "examples/embedding/"+name), nil)
			if status := process.Wait(t, ending); status != 0 || !strings.Contains(process.Log(), "load_bytes") {
				t.Errorf("exit status %d, and it prints:\n%s", status, process.Log())
			}
		})
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}
