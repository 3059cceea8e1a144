// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A drawing is the packages and imports in the picture of the architecture.
type drawing struct {
	Boxes []struct {
		Packages string `xml:"data-packages,attr"`
	} `xml:"rect"`
	Arrows []struct {
		From string `xml:"data-from,attr"`
		To   string `xml:"data-to,attr"`
	} `xml:"path"`
}

// TestArchitecturePicture compares the picture with the code: each arrow is an import,
// and each import between packages of the picture is an arrow or a chain of arrows.
func TestArchitecturePicture(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "images", "architecture.svg"))
	if err != nil {
		t.Fatal(err)
	}
	var picture drawing
	if err := xml.Unmarshal(text, &picture); err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, box := range picture.Boxes {
		packages = append(packages, strings.Fields(box.Packages)...)
	}
	imported := importsBetween(t, packages)
	drawn := make(map[string][]string)
	for _, arrow := range picture.Arrows {
		for _, from := range strings.Fields(arrow.From) {
			drawn[from] = append(drawn[from], arrow.To)
			if !slices.Contains(imported[from], arrow.To) {
				t.Errorf("the picture has an arrow from %s to %s, which is not imported", from, arrow.To)
			}
		}
	}
	for from, all := range imported {
		for _, to := range all {
			if !reaches(drawn, from, to) {
				t.Errorf("%s imports %s, and no arrow of the picture says so", from, to)
			}
		}
	}
}

// importsBetween returns the direct imports between the packages.
func importsBetween(t *testing.T, packages []string) map[string][]string {
	t.Helper()
	const module = "github.com/otelkv/otelkv-go/"
	arguments := []string{"list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}"}
	for _, name := range packages {
		arguments = append(arguments, module+name)
	}
	command := exec.Command("go", arguments...)
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	imported := make(map[string][]string)
	for line := range strings.Lines(string(output)) {
		words := strings.Fields(strings.ReplaceAll(line, module, ""))
		for _, to := range words[1:] {
			if slices.Contains(packages, to) {
				imported[words[0]] = append(imported[words[0]], to)
			}
		}
	}
	if len(imported) < 5 {
		t.Fatalf("the picture names too few packages: %q", packages)
	}
	return imported
}

// reaches reports whether a chain of arrows leads from one package to another.
func reaches(drawn map[string][]string, from, to string) bool {
	for _, next := range drawn[from] {
		if next == to || reaches(drawn, next, to) {
			return true
		}
	}
	return false
}
