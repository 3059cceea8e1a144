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

func checkLabelNames(d entry, _ *nameIndex) []string {
	var reasons []string
	for _, name := range d.LabelNames {
		if !labelName.MatchString(name) {
			reasons = append(reasons, fmt.Sprintf("label name %q is illegal: "+
				"expected a letter or _, then letters, digits and _", name))
		}
	}
	return reasons
}

func checkLabelNamesUnique(d entry, _ *nameIndex) []string {
	var reasons []string
	for i, name := range d.LabelNames {
		if slices.Index(d.LabelNames, name) < i {
			reasons = append(reasons, fmt.Sprintf("label name %q is used twice", name))
		}
	}
	return reasons
}

func checkLabelNamesReserved(d entry, _ *nameIndex) []string {
	var reasons []string
	for i, name := range d.LabelNames {
		if slices.Index(d.LabelNames, name) < i {
			continue
		}
		if why := reservedLabel(name); why != "" {
			reasons = append(reasons, fmt.Sprintf("label name %q is reserved: %s", name, why))
		}
	}
	return reasons
}

// checkLabelValues checks the known label values, which can become series at zero.
func checkLabelValues(d entry, _ *nameIndex) []string {
	var reasons []string
	for _, name := range slices.Sorted(maps.Keys(d.LabelValues)) {
		if !slices.Contains(d.LabelNames, name) {
			reasons = append(reasons, fmt.Sprintf("label values for %q: expected one of the label names %q", name, d.LabelNames))
		}
		values := d.LabelValues[name]
		for i, value := range values {
			switch {
			case !utf8.ValidString(value):
				reasons = append(reasons, fmt.Sprintf("label %q takes %q: expected UTF-8", name, value))
			case slices.Index(values, value) < i:
				reasons = append(reasons, fmt.Sprintf("label %q takes %q twice", name, value))
			}
		}
	}
	if d.PrimaryTier && !slices.Contains(d.LabelNames, LabelTier) {
		reasons = append(reasons, fmt.Sprintf("takes the primary tier: expected the label name %q, have %q", LabelTier, d.LabelNames))
	}
	return reasons
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
