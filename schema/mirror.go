// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"slices"
	"unicode/utf8"
)

// checkMirrorSources checks the metrics that a mirror repeats. It repeats their points
// unchanged, so they must not be mirrors, and must aggregate in the same way.
func checkMirrorSources(c *check) {
	for _, m := range c.Mirrors {
		source, ok := c.byFamilyName[m.Of]
		switch {
		case !ok:
			c.refuse("mirrors %q, which is not in the catalogue%s", m.Of, didYouMean(m.Of, c.byFamilyName))
		case len(source.Mirrors) > 0:
			c.refuse("mirrors %q, which is a mirror itself", m.Of)
		case source.FromInfo:
			c.refuse("mirrors %q, which is filled from a payload's info", m.Of)
		case source.kind != c.kind || source.number != c.number:
			c.refuse("mirrors %q, a %s of %s: expected a %s of %s",
				m.Of, source.kind, source.number, c.kind, c.number)
		case source.Additive != c.Additive:
			c.refuse("mirrors %q: expected both of them to be additive, or neither", m.Of)
		case !slices.Equal(source.Boundaries, c.Boundaries):
			c.refuse("mirrors %q, whose boundaries differ: expected %v", m.Of, c.Boundaries)
		}
	}
}

// checkMirrorLabels checks the label values of a mirror. With fixed label values, the
// repeated metric must have no labels: otherwise several of its series would get the same
// name and labels, which an exposition must not have.
func checkMirrorLabels(c *check) {
	for _, m := range c.Mirrors {
		source, ok := c.byFamilyName[m.Of]
		if !ok {
			continue
		}
		switch {
		case m.LabelValues == nil && !slices.Equal(source.LabelNames, c.LabelNames):
			c.refuse("mirrors %q and passes label values on, but the label names differ: "+
				"expected %q, have %q", m.Of, c.LabelNames, source.LabelNames)
		case m.LabelValues == nil:
		case len(m.LabelValues) != len(c.LabelNames):
			c.refuse("mirrors %q with %d label values: expected %d",
				m.Of, len(m.LabelValues), len(c.LabelNames))
		case len(source.LabelNames) > 0:
			c.refuse("mirrors %q with label values of its own: "+
				"expected a metric without label names, have %q", m.Of, source.LabelNames)
		case slices.ContainsFunc(m.LabelValues, func(v string) bool { return !utf8.ValidString(v) }):
			c.refuse("mirrors %q with label values %q: expected UTF-8", m.Of, m.LabelValues)
		}
	}
}

// checkMirrorsUnique prevents two mirrors from giving one series two values. A mirror
// without label values of its own can have any label values, so it must be the only one.
func checkMirrorsUnique(c *check) {
	for i, m := range c.Mirrors {
		for _, earlier := range c.Mirrors[:i] {
			switch {
			case m.LabelValues == nil || earlier.LabelValues == nil:
				c.refuse("mirrors %q and %q, one of which passes label values on: "+
					"expected label values of their own", earlier.Of, m.Of)
			case slices.Equal(m.LabelValues, earlier.LabelValues):
				c.refuse("mirrors %q and %q under the same label values %q",
					earlier.Of, m.Of, m.LabelValues)
			}
		}
	}
}

// checkStartsAtZero checks that the definition alone determines the series that start at
// zero: their label values must be known.
func checkStartsAtZero(c *check) {
	passesOn := func(m Mirror) bool { return m.LabelValues == nil }
	switch {
	case !c.StartsAtZero:
	case c.FromInfo:
		c.refuse("starts at zero and is filled from info: its label values are not known at the start")
	case len(c.LabelNames) > 0 && (len(c.Mirrors) == 0 || slices.ContainsFunc(c.Mirrors, passesOn)):
		c.refuse("starts at zero with label names %q: "+
			"expected none, or a mirror with label values of its own", c.LabelNames)
	}
}
