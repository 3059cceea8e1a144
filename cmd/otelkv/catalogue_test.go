// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema/vllm"
)

// program runs the program without input.
func program(t *testing.T, arguments ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), arguments, nil, &out, &errs)
	return status, out.String(), errs.String()
}

// TestCatalogue prints each format, and reads the YAML again.
func TestCatalogue(t *testing.T) {
	tiering, err := tieringSpec()
	if err != nil {
		t.Fatal(err)
	}
	status, table, _ := program(t, "catalogue", "--spec", "tiering")
	if lines := strings.Count(table, "\n"); status != exitGood || lines != 1+tiering.Len() ||
		!strings.Contains(table, "vllm:kv_offload_load_bytes_total") {
		t.Errorf("exit status %d, %d lines:\n%s", status, lines, table)
	}
	status, text, _ := program(t, "catalogue", "--spec", "tiering", "-o", "json")
	var metrics []jsonMetric
	if err := json.Unmarshal([]byte(text), &metrics); err != nil || status != exitGood || len(metrics) != tiering.Len() {
		t.Errorf("exit status %d, %d metrics: %v", status, len(metrics), err)
	}
	for _, m := range metrics {
		d, ok := tiering.Lookup(m.Name)
		if !ok || m.PrometheusName != d.PrometheusName || m.Kind != d.Kind().String() || m.Description != d.Description {
			t.Errorf("got %+v", m)
		}
	}
	status, yaml, _ := program(t, "catalogue", "--spec", "simple", "-o", "yaml")
	file := write(t, "simple.yaml", []byte(yaml))
	merged, both, errs := program(t, "catalogue", "--spec", "tiering", "--definitions", file, "-o", "json")
	if status != exitGood || merged != exitGood {
		t.Fatalf("exit statuses %d and %d: %s", status, merged, errs)
	}
	if err := json.Unmarshal([]byte(both), &metrics); err != nil || len(metrics) != tiering.Len()+vllm.SimpleCPUSpec().Len() {
		t.Errorf("%d metrics: %v", len(metrics), err)
	}
}

// TestHelpAndCompletion checks what helps a new user.
func TestHelpAndCompletion(t *testing.T) {
	for arguments, says := range map[string]string{
		"--help":                          "sidecar",
		"sidecar --help":                  "OTEL_METRICS_EXPORTER",
		"replay --help":                   "EngineCoreOutputs",
		"catalogue --help":                "--definitions",
		"--version":                       "otelkv version",
		"completion bash":                 "__start_otelkv",
		"completion zsh":                  "#compdef otelkv",
		"completion fish":                 "complete -c otelkv",
		"__complete catalogue --output t": "table",
		"__complete sidecar --spec s":     "simple",
		"__complete replay --format m":    "msgpack",
		"__complete replay --output p":    "prometheus",
		"__complete c":                    "catalogue",
	} {
		if status, out, errs := program(t, strings.Fields(arguments)...); status != exitGood || !strings.Contains(out, says) {
			t.Errorf("%s: exit status %d, want %q: %s%s", arguments, status, says, out, errs)
		}
	}
	for _, arguments := range []string{"serve", "catalogue more", "catalogue -o xml", "catalogue --spec gpu", "--nope"} {
		if status, _, errs := program(t, strings.Fields(arguments)...); status != exitUsage || !strings.Contains(errs, "--help") {
			t.Errorf("%s: exit status %d: %s", arguments, status, errs)
		}
	}
}
