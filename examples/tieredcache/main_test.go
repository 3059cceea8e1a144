// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/internal/cleanenv"
)

// asProgram makes the test binary run the program, for tests that need another process.
const asProgram = "TIEREDCACHE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	cleanenv.Unset()
	goleak.VerifyTestMain(m)
}

// A running is a run of the program in the test.
type running struct {
	url    string
	lines  *bufio.Scanner
	stderr *bytes.Buffer
	cancel context.CancelFunc
	ended  chan int
}

// start runs the program with small sizes on a free port until the test stops it.
func start(t *testing.T, arguments ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	output, stdout := io.Pipe()
	r := &running{
		lines:  bufio.NewScanner(output),
		stderr: &bytes.Buffer{},
		cancel: cancel,
		ended:  make(chan int, 1),
	}
	r.lines.Buffer(nil, 1<<20)
	go func() {
		defer func() { _ = stdout.Close() }()
		r.ended <- run(ctx, append([]string{"-listen", "127.0.0.1:0"}, arguments...), testOptions(), stdout, r.stderr)
	}()
	first := r.line(t)
	url, ok := strings.CutPrefix(first, "Serving metrics at ")
	url, _, separated := strings.Cut(url, ", and a live page at ")
	if !ok || !separated {
		t.Fatalf("first line %q, want where the metrics and the page are", first)
	}
	r.url = url
	return r
}

func (r *running) line(t *testing.T) string {
	t.Helper()
	if !r.lines.Scan() {
		t.Fatalf("no more lines: %v; exit status %d, standard error:\n%s", r.lines.Err(), <-r.ended, r.stderr)
	}
	return r.lines.Text()
}

// until reads summaries until one of them has the metric.
func (r *running) until(t *testing.T, metric string) {
	t.Helper()
	for {
		line := r.line(t)
		if !strings.HasPrefix(line, "KV Transfer metrics: ") {
			t.Errorf("line %q, want a summary", line)
		}
		if strings.Contains(line, metric+"=") {
			return
		}
	}
}

// stop interrupts the program and returns its exit status and remaining lines.
func (r *running) stop() (status int, lines []string) {
	r.cancel()
	return r.wait()
}

func (r *running) wait() (status int, lines []string) {
	for r.lines.Scan() {
		lines = append(lines, r.lines.Text())
	}
	return <-r.ended, lines
}

// scrape parses the program's metrics as the llm-d router does.
func (r *running) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func TestRunServesEveryFamilyFromTheFirstScrape(t *testing.T) {
	r := start(t, "-engines", "2")
	families := r.scrape(t)
	catalogue, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for d := range catalogue.All() {
		family := families[d.SampleName()]
		// The configuration exists from the first step.
		if d.FromInfo {
			continue
		}
		if family == nil || len(family.Metric) == 0 {
			t.Errorf("no samples of %s", d.SampleName())
			continue
		}
		for _, metric := range family.Metric {
			labels := map[string]string{}
			for _, label := range metric.Label {
				labels[label.GetName()] = label.GetValue()
			}
			if len(labels) != 2+len(d.LabelNames) || labels["model_name"] != modelName || labels["engine"] == "" {
				t.Errorf("%s has labels %v, want model_name, engine and %q", d.SampleName(), labels, d.LabelNames)
			}
			if tier, ok := labels["tier"]; ok && tier != "0:primary" && tier != "1:fs" {
				t.Errorf("%s has tier %q", d.SampleName(), tier)
			}
		}
	}
	if families["otelkv_payloads_total"] == nil {
		t.Error("no self-metrics of the recorder")
	}
	if status, _ := r.stop(); status != 0 {
		t.Errorf("exit status %d, want 0:\n%s", status, r.stderr)
	}
}

func TestRunPrintsSummaries(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := start(t, "-interval", "50ms")
	// An interval is empty if no engine ran in it.
	for range 4 {
		r.until(t, "vllm:kv_offload_cpu_cache_usage_perc")
	}
	if len(names(t, os.TempDir())) != 1 {
		t.Errorf("temporary directory while running: %v, want the file tier", names(t, os.TempDir()))
	}
	status, lines := r.stop()
	if status != 0 || len(lines) == 0 || r.stderr.Len() != 0 {
		t.Errorf("exit status %d, %d last lines, standard error %q", status, len(lines), r.stderr)
	}
	if left := names(t, os.TempDir()); len(left) != 0 {
		t.Errorf("temporary directory after the end: %v", left)
	}
	if _, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(r.url, "http://"), "/metrics")); err == nil {
		t.Error("the server still listens")
	}
}

func TestRunEndsAfterDuration(t *testing.T) {
	r := start(t, "-duration", "50ms")
	status, lines := r.wait()
	if status != 0 || len(lines) != 1 {
		t.Errorf("exit status %d and lines %q, want 0 and one summary", status, lines)
	}
}

func TestRunKeepsANamedDirectory(t *testing.T) {
	dir := t.TempDir() + "/new"
	r := start(t, "-dir", dir, "-interval", "10ms")
	r.until(t, "vllm:kv_offload_tiering_write_bytes:('1:fs',)")
	if status, _ := r.stop(); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	if len(names(t, dir)) == 0 {
		t.Fatal("no chunk was kept")
	}
	damageFiles(t, dir)
	r = start(t, "-dir", dir, "-interval", "10ms")
	r.until(t, "tieredcache_corrupt_chunks:('1:fs',)")
	status, _ := r.stop()
	if status != 1 || !strings.Contains(r.stderr.String(), ErrCorrupt.Error()) {
		t.Errorf("over damaged files: exit status %d, want 1; standard error:\n%s", status, r.stderr)
	}
}

func TestRunExitStatus(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	short := []string{"-duration", "10ms"}
	tests := []struct {
		name      string
		exporters string
		arguments []string
		status    int
		stderr    string
		stdout    string
	}{
		{"help", "", []string{"-h"}, 0, "Usage: tieredcache", ""},
		{"unknown flag", "", []string{"-nonsense"}, 2, "-nonsense", ""},
		{"argument", "", []string{"extra"}, 2, `unexpected argument "extra"`, ""},
		{"no engines", "", []string{"-engines", "0"}, 2, "-engines is 0", ""},
		{"no interval", "", []string{"-interval", "0s"}, 2, "-interval is 0s", ""},
		{"negative duration", "", []string{"-duration", "-1s"}, 2, "-duration is -1s", ""},
		{"seed that is no number", "", []string{"-seed", "x"}, 2, `invalid value "x"`, ""},
		{"all problems at once", "", []string{"-engines", "0", "-duration", "-1s"}, 2, "-engines is 0", ""},
		{"unknown exporter", "nonsense", short, 1, `exporter "nonsense"`, ""},
		{"no exporter", "none", short, 0, "", "Running, otelkv pipeline: none"},
		{"address in use", "prometheus", append(short, "-listen", busy.Addr().String()), 1, "address already in use", ""},
		{"directory that is a file", "none", append(short, "-dir", os.Args[0]), 1, os.Args[0], ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_METRICS_EXPORTER", test.exporters)
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), test.arguments, testOptions(), &stdout, &stderr)
			if status != test.status {
				t.Errorf("exit status %d, want %d; standard error:\n%s", status, test.status, &stderr)
			}
			if !strings.Contains(stderr.String(), test.stderr) || test.stderr == "" && stderr.Len() > 0 {
				t.Errorf("standard error %q, want %q in it", &stderr, test.stderr)
			}
			if !strings.Contains(stdout.String(), test.stdout) {
				t.Errorf("standard output %q, want %q in it", &stdout, test.stdout)
			}
		})
	}
}

// program returns a command that runs the program with its real sizes.
func program(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(os.Environ(), asProgram+"=1", "OTEL_METRICS_EXPORTER=prometheus", "TMPDIR="+t.TempDir())
	// A program that does not stop is killed.
	stop := time.AfterFunc(time.Minute, func() {
		if command.Process != nil {
			_ = command.Process.Kill()
		}
	})
	t.Cleanup(func() { stop.Stop() })
	return command
}

func TestProgramStopsOnSignal(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			command := program(t, "-listen", "127.0.0.1:0")
			stdout, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			output := bufio.NewReader(stdout)
			if first, err := output.ReadString('\n'); !strings.HasPrefix(first, "Serving metrics at http://127.0.0.1:") || err != nil {
				t.Errorf("first line %q, %v", first, err)
			}
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			last, err := io.ReadAll(output)
			if err != nil || !strings.HasPrefix(string(last), "KV Transfer metrics: ") {
				t.Errorf("last lines %q, %v", last, err)
			}
			if err := command.Wait(); err != nil {
				t.Errorf("exit: %v", err)
			}
		})
	}
}

func TestProgramNamesItsService(t *testing.T) {
	for environment, want := range map[string]string{
		"OTEL_SERVICE_NAME=":                "tieredcache",
		"OTEL_SERVICE_NAME=kv-cache":        "kv-cache",
		"OTEL_RESOURCE_ATTRIBUTES=a=b":      "tieredcache",
		"OTEL_RESOURCE_ATTRIBUTES=a=b,half": "tieredcache",
	} {
		command := program(t, "-duration", "1ms")
		command.Env = append(command.Env, "OTEL_METRICS_EXPORTER=console", environment)
		output, err := command.Output()
		if err != nil {
			t.Fatalf("exit: %v", err)
		}
		if named := `{"Key":"service.name","Value":{"Type":"STRING","Value":"` + want + `"}}`; !strings.Contains(string(output), named) {
			t.Errorf("with %s the console shows no %s", environment, named)
		}
	}
}
