// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// Generated files are current. Otherwise they would describe metrics that do not exist.
func TestFilesAreCurrent(t *testing.T) {
	files, err := Files(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(file.Path, func(t *testing.T) {
			have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file.Path)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(file.Content), string(have)); diff != "" {
				t.Errorf("not current, run go generate ./... (-want +have):\n%s", diff)
			}
		})
	}
}
