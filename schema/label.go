// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// reservedLabel returns why a definition may not declare the label name, or "".
func reservedLabel(name string) string {
	switch {
	case name == LabelModelName || name == LabelEngine:
		return "every series has it from its engine"
	case name == "le" || name == "quantile":
		return "prometheus sets it on histograms and summaries"
	case strings.HasPrefix(name, "__"):
		return "prometheus keeps names that begin with __"
	case strings.HasPrefix(name, "otel_scope_"):
		return "exporters set it from the instrumentation scope"
	}
	return ""
}

func checkLabelNames(c *check) {
	for _, name := range c.LabelNames {
		if !labelName.MatchString(name) {
			c.refuse("label name %q is illegal: "+
				"expected a letter or _, then letters, digits and _", name)
		}
	}
}

func checkLabelNamesUnique(c *check) {
	for i, name := range c.LabelNames {
		if slices.Index(c.LabelNames, name) < i {
			c.refuse("label name %q is used twice", name)
		}
	}
}

func checkLabelNamesReserved(c *check) {
	for i, name := range c.LabelNames {
		if why := reservedLabel(name); why != "" && slices.Index(c.LabelNames, name) == i {
			c.refuse("label name %q is reserved: %s", name, why)
		}
	}
}

// checkLabelValues checks the known label values, which can become series at zero.
func checkLabelValues(c *check) {
	for _, name := range slices.Sorted(maps.Keys(c.LabelValues)) {
		if !slices.Contains(c.LabelNames, name) {
			c.refuse("label values for %q: expected one of the label names %q", name, c.LabelNames)
		}
		values := c.LabelValues[name]
		for i, value := range values {
			switch {
			case !utf8.ValidString(value):
				c.refuse("label %q takes %q: expected UTF-8", name, value)
			case slices.Index(values, value) < i:
				c.refuse("label %q takes %q twice", name, value)
			}
		}
	}
	if c.PrimaryTier && !slices.Contains(c.LabelNames, LabelTier) {
		c.refuse("takes the primary tier: expected the label name %q, have %q", LabelTier, c.LabelNames)
	}
}

// CheckLabelName returns an error if a label that every series has, such as the
// engine's, cannot have the given name. Unlike the labels of a definition, it may be
// [LabelModelName] or [LabelEngine].
func CheckLabelName(name string) error {
	if !labelName.MatchString(name) {
		return errors.New("illegal: expected a letter or _, then letters, digits and _")
	}
	if name == LabelModelName || name == LabelEngine {
		return nil
	}
	if why := reservedLabel(name); why != "" {
		return fmt.Errorf("reserved: %s", why)
	}
	return nil
}
