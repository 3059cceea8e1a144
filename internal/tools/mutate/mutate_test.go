// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const source = `package p

import "errors"

func f(a, b int) (n int, err error) {
	if a < b {
		n++
		return n, errors.New("less")
	}
	for range a {
		n += b
	}
	return n - 1, nil
}
`

func TestMutants(t *testing.T) {
	all, err := mutants("p.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		line := strings.Split(string(m.apply()), "\n")[m.position.Line-1]
		got = append(got, m.change+": "+strings.TrimSpace(line))
	}
	want := []string{
		"the function returns at once: func f(a, b int) (n int, err error) { if true { return *new(int), *new(error) };",
		"the condition is negated: if !(a < b) {",
		"< becomes <=: if a <= b {",
		"the statement is left out: ",
		"the error is nil: return n, func(error) error { return nil }(errors.New(\"less\"))",
		"the statement is left out: ",
		"- becomes +: return n + 1, nil",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRun mutates a package whose tests check one of two branches. Only changes of the
// other branch survive, and the file does not change.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.test/p\n\ngo 1.24\n",
		"p.go":      source,
		"p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tif n, err := f(3, 2); n != 5 || err != nil {\n\t\tt.Error(n, err)\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(folder)
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOWORK", "off")
	var out strings.Builder
	if err := run(t.Context(), []string{"-n", "100", "."}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"p.go:6:7: < becomes <=: if a < b {\n",
		"p.go:7:3: the statement is left out: n++\n",
		"p.go:8:13: the error is nil: return n, errors.New(\"less\")\n",
		".: of 7 changes 7 were tried, and 3 survived\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q:\n%s", want, out.String())
		}
	}
	if now, err := os.ReadFile("p.go"); err != nil || string(now) != source {
		t.Errorf("the file changed: %v\n%s", err, now)
	}
}
