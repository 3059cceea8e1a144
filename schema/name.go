// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"regexp"
	"strings"
)

const totalSuffix = "_total"

// withTotal returns the name of a counter's samples. It ends in "_total" exactly once.
func withTotal(name string) string {
	return withoutTotal(name) + totalSuffix
}

// withoutTotal returns the name of a counter's family in OpenMetrics.
func withoutTotal(name string) string {
	return strings.TrimSuffix(name, totalSuffix)
}

// sampleSuffixes returns the suffixes that a scrape adds to the names of families.
func sampleSuffixes() []string {
	return []string{totalSuffix, "_bucket", "_count", "_sum", "_created"}
}

// didYouMean returns the end of an error about an unknown name: a question with a name
// that exists, or "". People often use the name of a sample instead of the family's, or
// add "_total" to a family or leave it out.
func didYouMean[V any](name string, known map[string]V) string {
	others := []string{name + totalSuffix}
	for _, suffix := range sampleSuffixes() {
		if family, found := strings.CutSuffix(name, suffix); found {
			others = append(others, family)
		}
	}
	for _, other := range others {
		if _, ok := known[other]; ok {
			return fmt.Sprintf(": did you mean %q?", other)
		}
	}
	return ""
}

// exposedNames returns every name that an exposition of the metric can have: those of
// its family, which differ between text format 0.0.4 and OpenMetrics for a counter, and
// those of its samples. OpenMetrics reserves "_created" for counters and histograms.
func exposedNames(d Definition) []string {
	switch d.kind {
	case KindCounter:
		base := withoutTotal(d.PrometheusName)
		return []string{base, base + totalSuffix, base + "_created"}
	case KindHistogram:
		base := d.PrometheusName
		return []string{base, base + "_bucket", base + "_count", base + "_sum", base + "_created"}
	}
	return []string{d.PrometheusName}
}

// translated returns the standard translation of an OpenTelemetry name to Prometheus, in
// lower case because instrument names are not case-sensitive.
func translated(name string) string {
	return strings.NewReplacer(".", "_", "-", "_", "/", "_").Replace(strings.ToLower(name))
}

var (
	// instrumentName is "Instrument name syntax" of OpenTelemetry's metrics API
	// specification.
	instrumentName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.\-/]{0,254}$`)
	// familyName is the syntax of Prometheus's metric names before they could be any
	// UTF-8. Readers of vLLM's metrics still use it.
	familyName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

func checkInstrumentName(c *check) {
	if !instrumentName.MatchString(c.Name) {
		c.refuse("name %q is no OpenTelemetry instrument name: "+
			"expected a letter, then letters, digits and _.-/, at most 255 bytes", c.Name)
	}
}

func checkFamilyName(c *check) {
	switch {
	case c.kind == KindCounter && c.PrometheusName == totalSuffix:
		c.refuse("prometheus name %q leaves a counter no name in OpenMetrics: expected one before the suffix", c.PrometheusName)
	case !familyName.MatchString(c.PrometheusName):
		c.refuse("prometheus name %q is no metric name: "+
			"expected a letter, _ or :, then letters, digits, _ and :", c.PrometheusName)
	}
}

func checkInstrumentNameUnique(c *check) {
	first := c.byInstrumentName[strings.ToLower(c.Name)]
	if first.position != c.position {
		c.refuse("name %q is that of metric %q: expected names that differ in more than case", c.Name, first.PrometheusName)
	}
}

func checkFamilyNameUnique(c *check) {
	if c.byFamilyName[c.PrometheusName].position != c.position {
		c.refuse("prometheus name is used twice")
	}
}

// checkNameTranslation checks that a stock exporter, which knows no catalogue, would not
// give two metrics the same name.
func checkNameTranslation(c *check) {
	first := c.byTranslatedName[translated(c.Name)]
	if first.position != c.position && !strings.EqualFold(first.Name, c.Name) {
		c.refuse("name %q becomes %q for prometheus, as does %q of metric %q",
			c.Name, translated(c.Name), first.Name, first.PrometheusName)
	}
}

// checkNameAmbiguous checks that [Catalogue.Lookup], which accepts both names of a
// metric, cannot mean two.
func checkNameAmbiguous(c *check) {
	if other, ok := c.byFamilyName[c.Name]; ok && c.Name != c.PrometheusName {
		c.refuse("name %q is the prometheus name of another metric, %q", c.Name, other.Name)
	}
}

func checkExposedNames(c *check) {
	for _, name := range exposedNames(c.Definition) {
		first := c.byExposedName[name]
		if first.position != c.position && first.PrometheusName != c.PrometheusName {
			c.refuse("an exposition would show %q for it and for the %s %q", name, first.kind, first.PrometheusName)
		}
	}
}
