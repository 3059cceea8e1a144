// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A markdown is one document, by its path from the root of the repository.
type markdown struct {
	path string
	text string
}

// markdowns returns every document of the repository.
func markdowns(t *testing.T) []markdown {
	t.Helper()
	var all []markdown
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		all = append(all, markdown{filepath.ToSlash(relative), string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 8 {
		t.Fatalf("only %d documents", len(all))
	}
	return all
}

// A fence is a block of code in a document.
type fence struct {
	line int
	text string
}

// fences returns the document's blocks of a language.
func (m markdown) fences(language string) []fence {
	var blocks []fence
	var block *fence
	for i, line := range strings.Split(m.text, "\n") {
		switch {
		case block == nil && line == "```"+language:
			block = &fence{line: i + 2}
		case block == nil:
		case line == "```":
			blocks = append(blocks, *block)
			block = nil
		default:
			block.text += line + "\n"
		}
	}
	return blocks
}

// prose returns the document without its blocks of code.
func (m markdown) prose() string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(m.text, "")
}

// anchors returns the fragments that links to the document can have.
func (m markdown) anchors() map[string]bool {
	anchors := make(map[string]bool)
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(m.prose(), -1) {
		anchors[anchor(heading[1])] = true
	}
	return anchors
}
