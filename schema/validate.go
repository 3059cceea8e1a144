// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"cmp"
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

// A rule checks one definition.
type rule struct {
	name  string
	check func(*check)
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
			r.check(&check{entry{d, position}, index, func(reason string) {
				errs = append(errs, DefinitionError{Metric: cmp.Or(d.PrometheusName, d.Name), Rule: r.name, Reason: reason})
			}})
		}
	}
	return errors.Join(errs...)
}

// A check is that of one definition by one rule.
type check struct {
	entry
	*nameIndex // of all definitions

	report func(reason string)
}

// refuse reports why the definition breaks the rule. A rule can be broken more than once.
func (c *check) refuse(format string, arguments ...any) { c.report(fmt.Sprintf(format, arguments...)) }

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

func keepFirst(names map[string]entry, name string, p entry) {
	if _, taken := names[name]; !taken {
		names[name] = p
	}
}

func checkKind(c *check) {
	if c.kind == 0 || c.number == 0 {
		c.refuse("no kind: expected one of the typed forms, such as Int64Counter or Histogram")
	}
}

// checkDescription checks the encoding too: OTLP refuses a whole export because of one
// string that is not UTF-8.
func checkDescription(c *check) {
	switch {
	case strings.TrimSpace(c.Description) == "":
		c.refuse("no description")
	case !utf8.ValidString(c.Description):
		c.refuse("description is not UTF-8")
	}
}

func checkBoundaries(c *check) {
	switch {
	case c.kind != KindHistogram && len(c.Boundaries) > 0:
		c.refuse("boundaries on a %s: expected them on histograms only", c.kind)
		return
	case c.kind == KindHistogram && len(c.Boundaries) == 0:
		c.refuse("no boundaries: expected at least one on a histogram")
	}
	for i, b := range c.Boundaries {
		switch {
		case math.IsNaN(b) || math.IsInf(b, 0):
			c.refuse("boundary %v is not finite", b)
		case i > 0 && b <= c.Boundaries[i-1]:
			c.refuse("boundary %v after %v: expected them to ascend", b, c.Boundaries[i-1])
		}
	}
}

func checkFromInfo(c *check) {
	if c.FromInfo && (c.kind != KindGauge || c.number != NumberKindInt64) {
		c.refuse("a %s of %s filled from info: expected a gauge of int64", c.kind, c.number)
	}
	if c.FromInfo && len(c.Mirrors) > 0 {
		c.refuse("filled from info and a mirror: expected one of them")
	}
}

func checkAdditive(c *check) {
	switch {
	case !c.Additive:
	case c.kind != KindGauge:
		c.refuse("additive %s: expected it on gauges only", c.kind)
	case c.FromInfo:
		c.refuse("additive and filled from info: the value of an info metric does not add up")
	}
}

func checkDeprecated(c *check) {
	switch {
	case c.Stability > StabilityDeprecated:
		c.refuse("stability %v is none of development, stable and deprecated", c.Stability)
	case c.Stability == StabilityDeprecated && c.ReplacedBy == "":
		c.refuse("deprecated without a replacement: expected ReplacedBy")
	case c.Stability != StabilityDeprecated && c.ReplacedBy != "":
		c.refuse("replaced by %q but %v: expected StabilityDeprecated", c.ReplacedBy, c.Stability)
	}
}
