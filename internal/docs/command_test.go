// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// commands returns how the test runs each command of the documents, or an empty string for
// those that need something outside the repository.
func commands() map[string]string {
	return map[string]string{
		"go run ./examples/tieredcache":                   "go run ./examples/tieredcache -listen 127.0.0.1:0 -duration 1s",
		"go run ./examples/replay FILE":                   "go run ./cmd/otelkv replay internal/conformance/testdata/case-cpu-0.jsonl",
		"go run ./cmd/otelkv replay FILE":                 "go run ./cmd/otelkv replay internal/conformance/testdata/case-cpu-0.jsonl",
		"promtool check rules docs/alerts/rules.yaml":     "promtool check rules docs/alerts/rules.yaml",
		"promtool test rules docs/alerts/rules.test.yaml": "promtool test rules docs/alerts/rules.test.yaml",
		"go test work": "", // is what runs this test
		"go get github.com/otelkv/otelkv-go/exporters github.com/otelkv/otelkv-go/schema": "", // needs the module's proxy

		// The tests of cmd/otelkv run the sidecar, and make vllm runs both.
		"pip install ./vllm":      "",
		"go install ./cmd/otelkv": "", // the tests of cmd/otelkv build it
		"otelkv sidecar --listen unix:///run/otelkv/ingest.sock":                                    "",
		"OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_ENDPOINT=http://gateway:4318 otelkv sidecar": "",
		// The tests of examples/fleet run these two together.
		"go run ./examples/fleet aggregate -listen 127.0.0.1:8080":         "",
		"go run ./examples/fleet work -to http://127.0.0.1:8080 -engine 0": "",
		"curl -s http://127.0.0.1:8080/metrics | grep load_bytes":          "",
		// These need a Collector with the components of the configuration.
		"otelcol-contrib --config examples/fleet/gateway/router.yaml":                                        "",
		"otelcol-contrib --config examples/fleet/gateway/replicate.yaml":                                     "",
		"otelcol-contrib --config examples/fleet/gateway/collector.yaml":                                     "",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 go run ./examples/fleet/gateway -worker worker-0": "",
		"curl -s http://127.0.0.1:8889/metrics | grep load_bytes":                                            "",
	}
}

// The test runs every command in the documents.
func TestCommands(t *testing.T) {
	known := commands()
	for _, m := range markdowns(t) {
		for _, block := range m.fences("sh") {
			for line := range strings.Lines(block.text) {
				command, _, _ := strings.Cut(line, "#")
				command = strings.TrimSpace(command)
				runnable, ok := known[command]
				if !ok {
					t.Errorf("%s: %q is not tested: add it to commands", m.path, command)
				}
				if runnable == "" {
					continue
				}
				t.Run(command, func(t *testing.T) { execute(t, runnable) })
			}
		}
	}
}

// execute runs a command in the root of the repository.
func execute(t *testing.T, command string) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: commands take long")
	}
	words := strings.Fields(command)
	program, err := exec.LookPath(words[0])
	if dir := os.Getenv("OTELKV_E2E_BIN"); err != nil && dir != "" {
		program, err = exec.LookPath(filepath.Join(dir, words[0]))
	}
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED here, but in internal/e2e: %v", err)
	}
	run := exec.CommandContext(t.Context(), program, words[1:]...)
	run.Dir = root
	if output, err := run.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", command, err, output)
	}
}
