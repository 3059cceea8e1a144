// SPDX-License-Identifier: Apache-2.0

// Package difference tells how two values differ, for tests of a module that requires
// no other.
package difference

import (
	"fmt"
	"reflect"
	"strings"
)

// Of returns how got differs from want: the first line that does, of text, and else both
// values. It returns nothing for equal ones.
func Of(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	wanted, isText := want.(string)
	if !isText {
		return fmt.Sprintf("-%#v\n+%#v", want, got)
	}
	w, g := strings.Split(wanted, "\n"), strings.Split(got.(string), "\n")
	for i := range max(len(w), len(g)) {
		if line := [2]string{at(w, i), at(g, i)}; line[0] != line[1] {
			return fmt.Sprintf("line %d:\n-%s\n+%s", i+1, line[0], line[1])
		}
	}
	return ""
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no line)"
}
