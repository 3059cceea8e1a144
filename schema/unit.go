// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"strings"
)

// maxUnitLength is the longest unit that OpenTelemetry allows, in bytes.
const maxUnitLength = 63

// legalUnit tells whether unit is of the part of UCUM (case sensitive) that
// metrics use: terms joined by "." and "/". A term is "1", "%", an annotation
// such as "{job}", a time ("min", "h", "d"), or "By", "bit", "s" or "Hz" with or
// without a prefix.
func legalUnit(unit string) bool {
	if len(unit) > maxUnitLength {
		return false
	}
	for rest := unit; ; {
		end := termLength(rest)
		if end == 0 {
			return false
		}
		if end == len(rest) {
			return true
		}
		rest = rest[end+1:]
	}
}

// termLength returns the length of the term that s starts with, which reaches
// to the next "." or "/" or to the end, or 0 if there is no legal term.
func termLength(s string) int {
	if strings.HasPrefix(s, "{") {
		return annotationLength(s)
	}
	end := strings.IndexAny(s, "./")
	if end < 0 {
		end = len(s)
	}
	if !legalSymbol(s[:end]) {
		return 0
	}
	return end
}

// annotationLength returns the length of the annotation that s is or starts
// with. Between its braces UCUM allows every printable ASCII character, the
// operators included, but braces.
func annotationLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '}':
			if i == 1 || i+1 < len(s) && s[i+1] != '.' && s[i+1] != '/' {
				return 0
			}
			return i + 1
		case c <= ' ' || c > '~' || c == '{':
			return 0
		}
	}
	return 0
}

func legalSymbol(symbol string) bool {
	switch symbol {
	case "1", "%", "By", "bit", "s", "Hz", "min", "h", "d":
		return true
	case "KiBy", "MiBy", "GiBy", "TiBy", "PiBy", "kBy", "MBy", "GBy", "TBy", "PBy",
		"Kibit", "Mibit", "Gibit", "kbit", "Mbit", "Gbit",
		"ms", "us", "ns", "kHz", "MHz", "GHz":
		return true
	}
	return false
}

// checkUnit takes no unit at all, as OpenTelemetry does ("Instrument unit": optional).
func checkUnit(d entry, _ *nameIndex) []string {
	if d.Unit != "" && !legalUnit(d.Unit) {
		return []string{fmt.Sprintf("unit %q is not understood: "+
			`expected one of UCUM, such as "By", "s", "1", "{job}" or "s/MiBy", at most %d bytes`, d.Unit, maxUnitLength)}
	}
	return nil
}
