// SPDX-License-Identifier: Apache-2.0

package schema

import "regexp"

// maxUnitLength is the longest unit that OpenTelemetry allows, in bytes.
const maxUnitLength = 63

// unitSyntax is the part of UCUM (case sensitive) that metrics use: terms joined by "."
// and "/". A term is "1", "%", an annotation of printable ASCII such as "{job}", a time
// ("min", "h", "d"), or "By", "bit", "s" or "Hz" with or without a prefix.
var unitSyntax = regexp.MustCompile(`^` + term + `([./]` + term + `)*$`)

const term = `(1|%|\{[!-z|~]+\}|min|h|d|[mun]?s|[kMG]?Hz|([kMGTP]|[KMGTP]i)?By|([kMG]|[KMG]i)?bit)`

// checkUnit allows a metric without a unit, as OpenTelemetry does ("Instrument unit":
// optional).
func checkUnit(c *check) {
	if c.Unit != "" && (len(c.Unit) > maxUnitLength || !unitSyntax.MatchString(c.Unit)) {
		c.refuse("unit %q is not understood: "+
			`expected one of UCUM, such as "By", "s", "1", "{job}" or "s/MiBy", at most %d bytes`, c.Unit, maxUnitLength)
	}
}
