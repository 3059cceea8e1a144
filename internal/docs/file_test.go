// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// A change to the catalogue that was not written to the docs would tell
// operators of metrics that are not there.
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
