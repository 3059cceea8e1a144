// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The README's program runs unchanged, prints its address, and its scrape has the lines in
// the README.
func TestReadmeProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a program cannot be interrupted here")
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?s)\n```go\n(package main.*?)```\n").FindSubmatch(text)
	shown := regexp.MustCompile("(?s)\n```\n(# HELP vllm:.*?)```\n").FindSubmatch(text)
	if program == nil || shown == nil {
		t.Fatal("the README has no program or no scrape")
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(source, program[1], 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", binary, source)
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	run := exec.CommandContext(t.Context(), binary)
	run.Env = append(os.Environ(), "OTEL_EXPORTER_PROMETHEUS_PORT=0")
	printed, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(printed).ReadString('\n')
	_, url, found := strings.Cut(strings.TrimSpace(line), "metrics at ")
	if err != nil || !found || !strings.Contains(string(text), "metrics at http://127.0.0.1:9464/metrics") {
		t.Errorf("the program prints %q, %v", line, err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	scrape, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(shown[1])) {
		if !strings.Contains("\n"+string(scrape), "\n"+line) {
			t.Errorf("the scrape lacks the README's line %s", line)
		}
	}
	if err := run.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("the program ends with %v", err)
	}
}

// The README stays short.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 120 {
		t.Errorf("the README has %d lines, expected at most 120", n)
	}
}
