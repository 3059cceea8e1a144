// SPDX-License-Identifier: Apache-2.0

package check

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "measure what modules bring, and write docs/modules.md")

// TestModules checks the number of modules in docs/modules.md that each of ours requires.
// With -update, it writes that number and the size of the smallest program.
func TestModules(t *testing.T) {
	const begin, end = "<!-- modules: begin -->\n", "<!-- modules: end -->\n"
	text := read(t, "docs/modules.md")
	head, rest, found := strings.Cut(text, begin)
	table, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("docs/modules.md has no place for the table")
	}
	measured := "| module | modules in go.mod, with indirect ones | smallest program, MB |\n|---|---|---|\n"
	for _, a := range adopters {
		dir := t.TempDir()
		a.requires, a.imports, a.program = nil, nil, ""
		a.write(t, dir, true)
		run(t, dir, "mod", "tidy")
		brought := 0
		for line := range strings.Lines(read(t, relative(t, filepath.Join(dir, "go.mod")))) {
			if line = strings.TrimPrefix(line, "require "); strings.Contains(line, " v") && !strings.Contains(line, "=>") {
				brought++
			}
		}
		row := fmt.Sprintf("| `%s` | %d | ", strings.TrimSuffix("github.com/otelkv/otelkv-go/"+a.module, "/."), brought)
		if !strings.Contains(table, row) && !*update {
			t.Errorf("docs/modules.md has not the row %q: run go test ./internal/docs/check -run TestModules -update", row)
		}
		if *update {
			program := filepath.Join(dir, "program")
			run(t, dir, "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
			info, err := os.Stat(program)
			if err != nil {
				t.Fatal(err)
			}
			measured += fmt.Sprintf("%s%.1f |\n", row, float64(info.Size())/1e6)
		}
	}
	if *update {
		measured += fmt.Sprintf("\nSizes are of stripped programs by %s for %s/%s.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
		if err := os.WriteFile("../../../docs/modules.md", []byte(head+begin+measured+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// relative returns a path relative to the root, as for read.
func relative(t *testing.T, path string) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	from, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	return from
}
