// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// A DefinitionError says which rule a definition breaks. [NewCatalogue],
// [Catalogue.Merge] and [Catalogue.With] return them joined; errors.As finds the first.
type DefinitionError struct {
	// Metric is the definition's Prometheus name, or its OpenTelemetry name if it has no
	// Prometheus name.
	Metric string
	// Rule names the rule, for example "unit" or "mirror-labels". The names do not
	// change.
	Rule string
	// Reason says what is wrong and what was expected.
	Reason string
}

// Error returns `otelkv: metric "x": reason`.
func (e DefinitionError) Error() string {
	return fmt.Sprintf("otelkv: metric %q: %s", e.Metric, e.Reason)
}

// A rule checks one definition, given the names of all, and returns a reason for each
// violation.
type rule struct {
	name  string
	check func(entry, *nameIndex) []string
}

// rules returns every rule, in the order of the errors.
func rules() []rule {
	return []rule{
		{"kind", checkKind},
		{"name", checkInstrumentName},
		{"name-unique", checkInstrumentNameUnique},
		{"name-translation", checkNameTranslation},
		{"name-ambiguous", checkNameAmbiguous},
		{"prometheus-name", checkFamilyName},
		{"prometheus-name-unique", checkFamilyNameUnique},
		{"sample-names", checkExposedNames},
		{"unit", checkUnit},
		{"description", checkDescription},
		{"boundaries", checkBoundaries},
		{"label-names", checkLabelNames},
		{"label-names-unique", checkLabelNamesUnique},
		{"label-names-reserved", checkLabelNamesReserved},
		{"label-values", checkLabelValues},
		{"mirror-source", checkMirrorSources},
		{"mirror-labels", checkMirrorLabels},
		{"mirrors-unique", checkMirrorsUnique},
		{"starts-at-zero", checkStartsAtZero},
		{"from-info", checkFromInfo},
		{"additive", checkAdditive},
		{"deprecated", checkDeprecated},
	}
}

// validate checks every rule for every definition, and returns the errors joined.
func validate(definitions []Definition) error {
	var errs []error
	all, index := rules(), newNameIndex(definitions)
	for position, d := range definitions {
		for _, r := range all {
			for _, reason := range r.check(entry{d, position}, index) {
				metric := d.PrometheusName
				if metric == "" {
					metric = d.Name
				}
				errs = append(errs, DefinitionError{Metric: metric, Rule: r.name, Reason: reason})
			}
		}
	}
	return errors.Join(errs...)
}

// An entry is a definition with its position in the catalogue.
type entry struct {
	Definition
	position int
}

// A nameIndex maps each name to the first definition with it. So a clash is reported
// once, for the later definition.
type nameIndex struct {
	byInstrumentName map[string]entry
	byTranslatedName map[string]entry
	byFamilyName     map[string]entry
	byExposedName    map[string]entry
}

func newNameIndex(definitions []Definition) *nameIndex {
	index := &nameIndex{
		byInstrumentName: make(map[string]entry),
		byTranslatedName: make(map[string]entry),
		byFamilyName:     make(map[string]entry),
		byExposedName:    make(map[string]entry),
	}
	for position, d := range definitions {
		p := entry{d, position}
		keepFirst(index.byInstrumentName, strings.ToLower(d.Name), p)
		keepFirst(index.byTranslatedName, translated(d.Name), p)
		keepFirst(index.byFamilyName, d.PrometheusName, p)
		for _, name := range exposedNames(d) {
			keepFirst(index.byExposedName, name, p)
		}
	}
	return index
}

// didYouMean calls [didYouMean] for an unknown family name.
func (index *nameIndex) didYouMean(name string) string {
	return didYouMean(name, func(other string) bool {
		_, ok := index.byFamilyName[other]
		return ok
	})
}

func keepFirst(names map[string]entry, name string, p entry) {
	if _, taken := names[name]; !taken {
		names[name] = p
	}
}

func checkKind(d entry, _ *nameIndex) []string {
	if d.kind == 0 || d.number == 0 {
		return []string{"no kind: expected one of the typed forms, such as Int64Counter or Histogram"}
	}
	return nil
}

// checkDescription checks the encoding too: OTLP refuses a whole export because of one
// string that is not UTF-8.
func checkDescription(d entry, _ *nameIndex) []string {
	if strings.TrimSpace(d.Description) == "" {
		return []string{"no description"}
	}
	if !utf8.ValidString(d.Description) {
		return []string{"description is not UTF-8"}
	}
	return nil
}

func checkBoundaries(d entry, _ *nameIndex) []string {
	if d.kind != KindHistogram {
		if len(d.Boundaries) > 0 {
			return []string{fmt.Sprintf("boundaries on a %s: expected them on histograms only", d.kind)}
		}
		return nil
	}
	if len(d.Boundaries) == 0 {
		return []string{"no boundaries: expected at least one on a histogram"}
	}
	var reasons []string
	for i, b := range d.Boundaries {
		switch {
		case math.IsNaN(b) || math.IsInf(b, 0):
			reasons = append(reasons, fmt.Sprintf("boundary %v is not finite", b))
		case i > 0 && b <= d.Boundaries[i-1]:
			reasons = append(reasons, fmt.Sprintf("boundary %v after %v: expected them to ascend", b, d.Boundaries[i-1]))
		}
	}
	return reasons
}

func checkFromInfo(d entry, _ *nameIndex) []string {
	if !d.FromInfo {
		return nil
	}
	var reasons []string
	if d.kind != KindGauge || d.number != NumberKindInt64 {
		reasons = append(reasons, fmt.Sprintf("a %s of %s filled from info: expected a gauge of int64", d.kind, d.number))
	}
	if len(d.Mirrors) > 0 {
		reasons = append(reasons, "filled from info and a mirror: expected one of them")
	}
	return reasons
}

func checkAdditive(d entry, _ *nameIndex) []string {
	switch {
	case !d.Additive:
		return nil
	case d.kind != KindGauge:
		return []string{fmt.Sprintf("additive %s: expected it on gauges only", d.kind)}
	case d.FromInfo:
		return []string{"additive and filled from info: the value of an info metric does not add up"}
	}
	return nil
}

func checkDeprecated(d entry, _ *nameIndex) []string {
	switch {
	case d.Stability > StabilityDeprecated:
		return []string{fmt.Sprintf("stability %v is none of development, stable and deprecated", d.Stability)}
	case d.Stability == StabilityDeprecated && d.ReplacedBy == "":
		return []string{"deprecated without a replacement: expected ReplacedBy"}
	case d.Stability != StabilityDeprecated && d.ReplacedBy != "":
		return []string{fmt.Sprintf("replaced by %q but %v: expected StabilityDeprecated", d.ReplacedBy, d.Stability)}
	}
	return nil
}
