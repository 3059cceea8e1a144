// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"
)

// Links within the repository lead to existing files and headings. Other links are well
// formed.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := markdowns(t)
	byPath := make(map[string]markdown, len(all))
	for _, m := range all {
		byPath[m.path] = m
	}
	for _, m := range all {
		for _, found := range link.FindAllStringSubmatch(m.prose(), -1) {
			target, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: %v", m.path, err)
				continue
			}
			if target.IsAbs() {
				if target.Scheme != "https" || target.Host == "" {
					t.Errorf("%s: %s is not an https link", m.path, found[1])
				}
				continue
			}
			file := m.path
			if target.Path != "" {
				file = path.Join(path.Dir(m.path), target.Path)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
				t.Errorf("%s: the link %s leads nowhere: %v", m.path, found[1], err)
				continue
			}
			if target.Fragment != "" && !byPath[file].anchors()[target.Fragment] {
				t.Errorf("%s: %s has no heading for the link %s", m.path, file, found[1])
			}
		}
	}
}
