// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// output returns what go test would have printed of every benchmark that the
// tables show, with the given nanoseconds, bytes of memory and runs.
func output(nanoseconds, bytes string, runs int) string {
	lines := []string{"goos: linux", "cpu: a processor"}
	for range runs {
		for _, r := range append(callRows(), batchRows()...) {
			value := map[string]string{
				"sec/op":      nanoseconds + " ns/op",
				"sec/op B/op": nanoseconds + " ns/op 2540000 B/op",
				"sec/series":  "7 ns/op " + nanoseconds + " ns/series",
				"B/series":    "7 ns/op " + bytes + " B/series",
			}
			lines = append(lines, "Benchmark"+r.name("otelkv")+"-2 100 "+value[r.units])
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunReplacesWhatStandsBetweenTheMarks(t *testing.T) {
	results := write(t, "results.txt", output("5.61", "500.4", 2)+
		"BenchmarkCounterAdd/impl=client_golang/serial-2 100 4.2 ns/op\n"+
		"BenchmarkCounterAdd/impl=client_golang/serial-2 100 4.4 ns/op\n")
	before := "before\n" + beginMark + "\nwhat was there\n" + endMark + "\nafter\n"
	page, readme := write(t, "performance.md", before), write(t, "README.md", before)
	var log strings.Builder
	if err := run([]string{"-from", results, page, readme}, &log); err != nil {
		t.Fatal(err)
	}
	contains(t, page,
		"before\n"+beginMark+"\n| one call | otelkv |",
		"| counter `Add`, int64 | 5.6 ns |  |  | **4.3 ns** |  |  |\n",
		"| histogram `Record`, parallel | **5.6 ns** |  |  |  |  |  |\n",
		"| collect, a series of 1,000 | **5.6 ns** |  |  |  |  |  |  |\n",
		"| memory of an idle counter series | **500 B** |  |  |  |  |  |  |\n",
		"Medians of 2 runs on a processor with 2 processors; Go 1",
		"prometheus/client_golang v",
		"\n"+endMark+"\nafter\n")
	contains(t, readme,
		"before\n"+beginMark+"\n|  | otelkv |",
		"| counter `Add` | 5.6 ns |  | **4.3 ns** |  |\n",
		"| scrape 1,900 histograms | **5.6 ns**, **2.5 MB** |  |  |  |\n",
		"\n"+endMark+"\nafter\n")
}

// contains checks that a file has the texts, and that the table before is gone.
func contains(t *testing.T, path string, texts ...string) {
	t.Helper()
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range texts {
		if !strings.Contains(string(written), want) {
			t.Errorf("the file lacks %q:\n%s", want, written)
		}
	}
	if strings.Contains(string(written), "what was there") {
		t.Errorf("the old table is still there:\n%s", written)
	}
}

func TestRunRefuses(t *testing.T) {
	marks := beginMark + endMark
	for _, test := range []struct{ name, results, readme, want string }{
		{"no benchmark", "goos: linux\n", marks, "no benchmark"},
		{"a benchmark is missing", "BenchmarkCounterAdd/impl=otelkv/serial-2 1 5 ns/op\n", marks, `"CounterAdd/impl=otelkv/parallel" was not run`},
		{"runs of different numbers", output("5", "5", 1) + "BenchmarkCounterAdd/impl=otelkv/serial-2 1 5 ns/op\n", marks, "times"},
		{"no marks", output("5", "5", 1), "", "benchmark table: begin"},
		{"marks in the wrong order", output("5", "5", 1), endMark + beginMark, "benchmark table: end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log strings.Builder
			err := run([]string{"-from", write(t, "results.txt", test.results), write(t, "performance.md", test.readme), write(t, "README.md", test.readme)}, &log)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestDuration(t *testing.T) {
	for _, test := range []struct {
		seconds float64
		want    string
	}{
		{5.61e-9, "5.6 ns"},
		{9.94e-9, "9.9 ns"},
		{9.96e-9, "10 ns"},
		{141.4e-9, "141 ns"},
		{999.6e-9, "1.0 µs"},
		{2.44e-6, "2.4 µs"},
		{24.6e-3, "25 ms"},
		{1.5, "1500 ms"},
	} {
		if got := duration(test.seconds); got != test.want {
			t.Errorf("duration(%v) = %q, want %q", test.seconds, got, test.want)
		}
	}
}
