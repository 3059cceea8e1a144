// SPDX-License-Identifier: Apache-2.0

package check

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const repository = "../../.."

// committedFiles returns the files that the repository has, by a pattern of git's.
func committedFiles(t *testing.T, pattern string) []string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", pattern)
	list.Dir = repository
	files, err := list.Output()
	if err != nil {
		t.Skipf("the files cannot be listed: %v", err)
	}
	return strings.FieldsFunc(string(files), func(r rune) bool { return r == 0 })
}

func TestLicenseHeaders(t *testing.T) {
	const header = "// SPDX-License-Identifier: Apache-2.0\n\n"
	for _, file := range committedFiles(t, "*.go") {
		if !strings.HasPrefix(read(t, file), header) {
			t.Errorf("%s does not begin with %q", file, header)
		}
	}
}

// TestFilesAreSmall fails for a built program that was committed by mistake.
func TestFilesAreSmall(t *testing.T) {
	const maxSize = 512 << 10
	for _, file := range committedFiles(t, "*") {
		info, err := os.Lstat(repository + "/" + file)
		if err == nil && info.Size() > maxSize {
			t.Errorf("%s has %d bytes: expected at most %d", file, info.Size(), maxSize)
		}
	}
}
