// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"strings"
	"unicode"
)

// pythonTuple returns Python's repr of a tuple of strings, which the keys of vLLM's
// summaries contain: ('a',) or ('a', 'b').
func pythonTuple(values []string) string {
	dst := []byte{'('}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendPythonString(dst, v)
	}
	if len(values) == 1 {
		dst = append(dst, ',')
	}
	return string(append(dst, ')'))
}

// appendPythonString appends Python's repr of a string that is valid UTF-8: in single
// quotes, or in double quotes if it contains single quotes and no double quotes, with
// escapes for backslashes, the quotes used and what is not printable.
func appendPythonString(dst []byte, s string) []byte {
	quote := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	dst = append(dst, byte(quote))
	for _, r := range s {
		if r == quote || r == '\\' {
			dst = append(dst, '\\')
		}
		dst = appendPythonRune(dst, r)
	}
	return append(dst, byte(quote))
}

// appendPrintable appends s with escapes for what is not printable, so a hostile name
// cannot forge a line of a log.
func appendPrintable(dst []byte, s string) []byte {
	for _, r := range s {
		dst = appendPythonRune(dst, r)
	}
	return dst
}

func appendPythonRune(dst []byte, r rune) []byte {
	switch {
	case unicode.IsPrint(r):
		return append(dst, string(r)...)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r < 0x100:
		return fmt.Appendf(dst, `\x%02x`, r)
	case r < 0x10000:
		return fmt.Appendf(dst, `\u%04x`, r)
	default:
		return fmt.Appendf(dst, `\U%08x`, r)
	}
}
