// SPDX-License-Identifier: Apache-2.0

// Package difference compares values in the tests of a module that requires no other
// module.
package difference

import (
	"fmt"
	"reflect"
	"strings"
)

// Of returns how got differs from want, or "" if they are equal. For texts it returns the
// first line that differs, otherwise both values.
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
