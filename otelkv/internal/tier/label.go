// SPDX-License-Identifier: Apache-2.0

// Package tier makes the labels of an engine's tiers from their types.
package tier

import (
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// Primary is the label of the tier with index 0. Chunks must be in its memory before they
// can be loaded to the GPU.
const Primary = "0:primary"

// maxType bounds a tier's type, in bytes.
const maxType = 255

// labelled matches the beginning of a label.
var labelled = regexp.MustCompile(`^[0-9]+:`)

// Label returns the label of the secondary tier with an index, from 1 on, and a type:
// "1:fs". The type is the configured one, or the class name of a tier that is not part of
// vLLM. The error says what is wrong with the type.
func Label(index int, of string) (string, error) {
	return strconv.Itoa(index) + ":" + of, CheckType(of)
}

// CheckType returns an error if the argument is not the type of a tier.
func CheckType(of string) error {
	reason := ""
	switch {
	case of == "":
		reason = "the type is empty"
	case len(of) > maxType:
		reason = fmt.Sprintf("the type has %d bytes, at most %d are allowed", len(of), maxType)
	case !utf8.ValidString(of):
		reason = "the type is not valid UTF-8"
	case labelled.MatchString(of):
		reason = `expected a type like "fs": labels are made from types`
	default:
		return nil
	}
	return fmt.Errorf("tier %s: %s", Quote(of), reason)
}

// CheckLabel returns an error if the argument is not the label of a tier.
func CheckLabel(label string) error {
	if labelled.MatchString(label) {
		return nil
	}
	return fmt.Errorf(`tier %s: expected a label like "1:fs"`, Quote(label))
}

// Quote quotes text that may be hostile, and cuts it if it is long.
func Quote(text string) string {
	const most = 64
	if len(text) <= most {
		return strconv.Quote(text)
	}
	return strconv.Quote(text[:most]) + "..."
}
