// SPDX-License-Identifier: Apache-2.0

package check

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
)

// semantic matches a version of semantic versioning 2.0.0 without build metadata, which a
// Go module's version cannot have.
var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../../../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The version of the scope of every metric is that of the last release.
func TestVersion(t *testing.T) {
	if !semantic.MatchString(otelkv.Version()) {
		t.Errorf("version %q is no semantic version", otelkv.Version())
	}
	released := regexp.MustCompile(`(?m)^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$`).FindAllStringSubmatch(read(t, "CHANGELOG.md"), -1)
	if len(released) == 0 {
		t.Fatal("the CHANGELOG has no release")
	}
	if newest := released[0][1]; newest != otelkv.Version() {
		t.Errorf("the version is %s, and the newest release of the CHANGELOG is %s", otelkv.Version(), newest)
	}
}

// Each section of the CHANGELOG has a link, and the list of changed metrics of a release is
// not empty.
func TestChangelog(t *testing.T) {
	text := read(t, "CHANGELOG.md")
	for _, section := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`^\[([^\]]+)\]`).FindString(section[1])
		if name == "" {
			t.Errorf("the section %q has no version in brackets", section[1])
			continue
		}
		if !strings.Contains(text, "\n"+name+": https://") {
			t.Errorf("the section %s has no link", name)
		}
	}
	known := map[string]bool{
		"Added": true, "Changed": true, "Deprecated": true, "Removed": true, "Fixed": true, "Security": true, "Metrics": true,
	}
	for _, list := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(text, -1) {
		if !known[list[1]] {
			t.Errorf("a list called %q: expected one of Keep a Changelog, or Metrics", list[1])
		}
	}
}

// Actions are named by commit: the owner of an action can change a tag.
func TestWorkflowPinsActions(t *testing.T) {
	workflow := read(t, ".github/workflows/ci.yml")
	pinned := regexp.MustCompile(`^\s*- uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	uses := 0
	for line := range strings.Lines(workflow) {
		if strings.Contains(line, "uses:") {
			uses++
			if !pinned.MatchString(strings.TrimRight(line, "\n")) {
				t.Errorf("not pinned to a commit with its version beside it: %s", strings.TrimSpace(line))
			}
		}
	}
	if uses == 0 {
		t.Error("the workflow uses no action")
	}
	if !strings.Contains(workflow, "run: .ci/run\n") {
		t.Error("the workflow does not run .ci/run")
	}
}
