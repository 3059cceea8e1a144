// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// checkMirrorSources checks the metrics that a mirror repeats. It repeats their points
// unchanged, so they must not be mirrors, and must aggregate in the same way.
func checkMirrorSources(d entry, index *nameIndex) []string {
	var reasons []string
	for _, m := range d.Mirrors {
		source, ok := index.byFamilyName[m.Of]
		switch {
		case !ok:
			reasons = append(reasons, fmt.Sprintf("mirrors %q, which is not in the catalogue%s", m.Of, index.didYouMean(m.Of)))
		case len(source.Mirrors) > 0:
			reasons = append(reasons, fmt.Sprintf("mirrors %q, which is a mirror itself", m.Of))
		case source.FromInfo:
			reasons = append(reasons, fmt.Sprintf("mirrors %q, which is filled from a payload's info", m.Of))
		case source.kind != d.kind || source.number != d.number:
			reasons = append(reasons, fmt.Sprintf("mirrors %q, a %s of %s: expected a %s of %s",
				m.Of, source.kind, source.number, d.kind, d.number))
		case source.Additive != d.Additive:
			reasons = append(reasons, fmt.Sprintf("mirrors %q: expected both of them to be additive, or neither", m.Of))
		case !slices.Equal(source.Boundaries, d.Boundaries):
			reasons = append(reasons, fmt.Sprintf("mirrors %q, whose boundaries differ: expected %v", m.Of, d.Boundaries))
		}
	}
	return reasons
}

// checkMirrorLabels checks the label values of a mirror. With fixed label values, the
// repeated metric must have no labels: otherwise several of its series would get the same
// name and labels, which an exposition must not have.
func checkMirrorLabels(d entry, index *nameIndex) []string {
	var reasons []string
	for _, m := range d.Mirrors {
		source, ok := index.byFamilyName[m.Of]
		if !ok {
			continue
		}
		switch {
		case m.LabelValues == nil && !slices.Equal(source.LabelNames, d.LabelNames):
			reasons = append(reasons, fmt.Sprintf("mirrors %q and passes label values on, but the label names differ: "+
				"expected %q, have %q", m.Of, d.LabelNames, source.LabelNames))
		case m.LabelValues == nil:
		case len(m.LabelValues) != len(d.LabelNames):
			reasons = append(reasons, fmt.Sprintf("mirrors %q with %d label values: expected %d",
				m.Of, len(m.LabelValues), len(d.LabelNames)))
		case len(source.LabelNames) > 0:
			reasons = append(reasons, fmt.Sprintf("mirrors %q with label values of its own: "+
				"expected a metric without label names, have %q", m.Of, source.LabelNames))
		case slices.ContainsFunc(m.LabelValues, func(v string) bool { return !utf8.ValidString(v) }):
			reasons = append(reasons, fmt.Sprintf("mirrors %q with label values %q: expected UTF-8", m.Of, m.LabelValues))
		}
	}
	return reasons
}

// checkMirrorsUnique prevents two mirrors from giving one series two values. A mirror
// without label values of its own can have any label values, so it must be the only one.
func checkMirrorsUnique(d entry, _ *nameIndex) []string {
	var reasons []string
	for i, m := range d.Mirrors {
		for _, earlier := range d.Mirrors[:i] {
			switch {
			case m.LabelValues == nil || earlier.LabelValues == nil:
				reasons = append(reasons, fmt.Sprintf("mirrors %q and %q, one of which passes label values on: "+
					"expected label values of their own", earlier.Of, m.Of))
			case slices.Equal(m.LabelValues, earlier.LabelValues):
				reasons = append(reasons, fmt.Sprintf("mirrors %q and %q under the same label values %q",
					earlier.Of, m.Of, m.LabelValues))
			}
		}
	}
	return reasons
}

// checkStartsAtZero checks that the definition alone determines the series that start at
// zero: their label values must be known.
func checkStartsAtZero(d entry, _ *nameIndex) []string {
	if !d.StartsAtZero {
		return nil
	}
	if d.FromInfo {
		return []string{"starts at zero and is filled from info: its label values are not known at the start"}
	}
	passesOn := func(m Mirror) bool { return m.LabelValues == nil }
	if len(d.LabelNames) > 0 && (len(d.Mirrors) == 0 || slices.ContainsFunc(d.Mirrors, passesOn)) {
		return []string{fmt.Sprintf("starts at zero with label names %q: "+
			"expected none, or a mirror with label values of its own", d.LabelNames)}
	}
	return nil
}
