// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// BuildProgram builds the program in a folder of the repository for one test, and
// returns its path.
func BuildProgram(t testing.TB, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(folder))
	command := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	command.Dir = filepath.Join("..", "..", "..", folder)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", folder, err, output)
	}
	return path
}

// Run runs a program until it ends or the test does.
func Run(t testing.TB, path string, environment []string, arguments ...string) *Process {
	t.Helper()
	return start(t, filepath.Base(path), path, arguments, environment)
}
