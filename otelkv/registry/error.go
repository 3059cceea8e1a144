// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/otelkv/otelkv-go/schema"
)

const (
	ruleSyntax = "syntax"
	ruleField  = "field"
	ruleSize   = "size"
)

// An Error says which rule a file breaks, and where. [Decode] and [Merge] return all of
// them, joined.
type Error struct {
	// File is the name that the caller gave.
	File string
	// Line counts from 1. It is 0 if the error concerns no line.
	Line int
	// Metric is the metric's Prometheus name, or its OpenTelemetry name if it has no other.
	// It is empty if the error concerns no metric.
	Metric string
	// Rule names the rule that is broken: "syntax" if the text is not YAML, "size" if
	// there is more than 1 MiB of it, and "field" if a field does not exist, is missing,
	// has a value of the wrong type or is in the wrong place. Other rules are those of
	// schema.DefinitionError.
	Rule string
	// Reason says what is wrong and what was expected.
	Reason string
}

// Error returns `otelkv: file:line: metric "x": rule: reason`.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "otelkv: %s:", e.File)
	if e.Line > 0 {
		fmt.Fprintf(&text, "%d:", e.Line)
	}
	if e.Metric != "" {
		fmt.Fprintf(&text, " metric %q:", e.Metric)
	}
	fmt.Fprintf(&text, " %s: %s", e.Rule, e.Reason)
	return text.String()
}

// syntaxErrors turns an error of the YAML library into errors with lines.
func syntaxErrors(file string, text []byte, err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		e := atLine(file, ruleSyntax, strings.TrimPrefix(err.Error(), "yaml: "))
		if e.Line == 0 {
			e.Line = firstLine(text, err)
		}
		return e
	}
	var errs []error
	for _, text := range types.Errors {
		errs = append(errs, atLine(file, ruleField, text))
	}
	return errors.Join(errs...)
}

// firstLine returns the first line up to which the text has the same error. The library
// gives no line for illegal characters and unknown aliases.
func firstLine(text []byte, err error) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		got := decodeOne(bytes.Join(lines[:i+1], nil), new(yaml.Node))
		return got != nil && got.Error() == err.Error()
	})
}

// atLine returns the error of a text such as "line 3: reason".
func atLine(file, rule, text string) *Error {
	e := &Error{File: file, Rule: rule, Reason: text}
	if _, err := fmt.Sscanf(text, "line %d:", &e.Line); err == nil {
		_, e.Reason, _ = strings.Cut(text, ": ")
	}
	return e
}

// definitionErrors adds lines to the errors of package schema.
func (f *file) definitionErrors(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, f.definitionErrors(e))
		}
		return errors.Join(errs...)
	}
	var d schema.DefinitionError
	if !errors.As(err, &d) {
		return err
	}
	return &Error{File: f.name, Line: f.line(d), Metric: d.Metric, Rule: d.Rule, Reason: d.Reason}
}

// line returns the line of the field that breaks a rule of package schema, or of the
// metric if the rule concerns no field. If several metrics have the name, it is the last
// one, which repeats the name.
//
// A metric that is not in the file is in the catalogue into which the file is merged. It
// breaks a rule because the file replaces a metric. The reason names that metric.
func (f *file) line(d schema.DefinitionError) int {
	for _, e := range slices.Backward(f.entries) {
		if e.Annotations.Prometheus.Name == d.Metric || e.Name == d.Metric {
			return lineOf(e.node, e.field(d.Rule)...)
		}
	}
	for _, e := range f.entries {
		if name := e.Annotations.Prometheus.Name; name != "" && strings.Contains(d.Reason, strconv.Quote(name)) {
			return e.node.Line
		}
	}
	return 0
}

// field returns the path of the field that a rule is about.
func (e entry) field(rule string) []string {
	switch rule {
	case "kind", "additive":
		return []string{"instrument"}
	case "name", "name-unique", "name-translation", "name-ambiguous":
		return []string{e.nameField}
	case "prometheus-name", "prometheus-name-unique", "sample-names":
		return []string{"annotations", "prometheus", "name"}
	case "unit":
		return []string{"unit"}
	case "description":
		return []string{"brief"}
	case "boundaries":
		return []string{"annotations", "otelkv", "boundaries"}
	case "label-names", "label-names-unique", "label-names-reserved":
		return []string{"attributes"}
	case "label-values":
		return []string{"annotations", "otelkv", "label_values"}
	case "mirror-source", "mirror-labels", "mirrors-unique":
		return []string{"annotations", "otelkv", "mirrors"}
	case "starts-at-zero":
		return []string{"annotations", "otelkv", "starts_at_zero"}
	case "from-info":
		return []string{"annotations", "otelkv", "from_info"}
	case "deprecated":
		return []string{"deprecated"}
	}
	return nil
}

// lineOf returns the line at the end of a path into a mapping, or of the last element of
// the path that exists.
func lineOf(node *yaml.Node, path ...string) int {
	line := node.Line
	for _, key := range path {
		value := (*yaml.Node)(nil)
		for i := 0; i+1 < len(node.Content) && node.Kind == yaml.MappingNode; i += 2 {
			if node.Content[i].Value == key {
				line, value = node.Content[i].Line, node.Content[i+1]
			}
		}
		if value == nil {
			break
		}
		node = value
	}
	return line
}
