// SPDX-License-Identifier: Apache-2.0

package check

import (
	"os/exec"
	"strings"
	"testing"
)

func TestLicenseHeaders(t *testing.T) {
	const header = "// SPDX-License-Identifier: Apache-2.0\n\n"
	list := exec.Command("git", "ls-files", "*.go")
	list.Dir = "../../.."
	files, err := list.Output()
	if err != nil {
		t.Skipf("the files cannot be listed: %v", err)
	}
	for file := range strings.Lines(string(files)) {
		if file = strings.TrimSpace(file); !strings.HasPrefix(read(t, file), header) {
			t.Errorf("%s does not begin with %q", file, header)
		}
	}
}
