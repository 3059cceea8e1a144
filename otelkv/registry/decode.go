// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/otelkv/otelkv-go/schema"
)

// maxSize is the largest file that is read, in bytes.
const maxSize = 1 << 20

// Decode reads a catalogue from a registry. name is the name of the file in errors. The
// error joins [Error] values: everything that is wrong with the form of the file or, if
// the form is right, with its definitions.
func Decode(name string, r io.Reader) (*schema.Catalogue, error) {
	return decode(name, r, schema.NewCatalogue)
}

// Merge reads a registry as [Decode] does, and merges its definitions into base by the
// rules of [schema.Catalogue.Merge]. They may mirror metrics of base.
func Merge(base *schema.Catalogue, name string, r io.Reader) (*schema.Catalogue, error) {
	return decode(name, r, base.With)
}

func decode(name string, r io.Reader, build func(...schema.Metric) (*schema.Catalogue, error)) (*schema.Catalogue, error) {
	f, err := parse(name, r)
	if err != nil {
		return nil, err
	}
	catalogue, err := build(f.metrics...)
	return catalogue, f.definitionErrors(err)
}

// A file is a registry whose form is right.
type file struct {
	name    string
	entries []entry
	metrics []schema.Metric
}

// An entry is a metric of a file, and its position.
type entry struct {
	metric
	node *yaml.Node
	// nameField is the field of the metric's name in this version of the form.
	nameField string
}

func parse(name string, r io.Reader) (*file, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("otelkv: %s: %w", name, err)
	case len(text) > maxSize:
		return nil, &Error{File: name, Rule: ruleSize, Reason: fmt.Sprintf("it has more than %d bytes", maxSize)}
	}
	var d located[document]
	if err := decodeOne(text, &d); err != nil {
		return nil, syntaxErrors(name, text, err)
	}
	if err := errors.Join(emptyElements(name, &d.node.Node), checkFormat(name, d)); err != nil {
		return nil, err
	}
	f := &file{name: name}
	errs := []error{f.collect(d.value)}
	for _, e := range f.entries {
		errs = append(errs, f.add(e))
	}
	return f, errors.Join(errs...)
}

// checkFormat checks that a file has the fields of one version only.
func checkFormat(name string, document located[document]) error {
	reason, d := "", document.value
	switch version2 := d.Attributes != nil || d.Metrics != nil; {
	case d.FileFormat != "" && d.FileFormat != fileFormat:
		reason = fmt.Sprintf("file format %q: expected %s", d.FileFormat, fileFormat)
	case version2 && d.FileFormat == "":
		reason = "no file_format: expected " + fileFormat
	case d.Groups != nil && d.FileFormat != "":
		reason = fmt.Sprintf("groups in the format %s: expected metrics and attributes", fileFormat)
	default:
		return nil
	}
	return &Error{File: name, Line: lineOf(&document.node.Node, "file_format"), Rule: ruleField, Reason: reason}
}

// collect finds the metrics of a document.
func (f *file) collect(d document) error {
	var errs []error
	for _, a := range d.Attributes {
		if a.value.Key == "" {
			errs = append(errs, &Error{File: f.name, Line: a.node.Line, Rule: ruleField, Reason: "an attribute without a key"})
		}
	}
	for _, located := range d.Groups {
		g := located.value
		e := entry{metric{g.MetricName, g.common}, &located.node.Node, "metric_name"}
		if err := f.checkGroup(g, e); err != nil {
			errs = append(errs, err)
		} else if g.Type == typeMetric {
			f.entries = append(f.entries, e)
		}
	}
	for _, m := range d.Metrics {
		f.entries = append(f.entries, entry{m.value, &m.node.Node, "name"})
	}
	return errors.Join(errs...)
}

// checkGroup checks the fields that only version 1 has.
func (f *file) checkGroup(g group, e entry) error {
	var errs []error
	if g.ID == "" {
		errs = append(errs, f.error(e, ruleField, "it has no id"))
	}
	switch {
	case g.Type != typeMetric && g.Type != typeAttributeGroup:
		errs = append(errs, f.error(e, ruleField, fmt.Sprintf("type %q: expected metric or attribute_group", g.Type), "type"))
	case g.Type == typeAttributeGroup && (g.MetricName != "" || g.Instrument != ""):
		errs = append(errs, f.error(e, ruleField, "an attribute_group that is a metric: expected the type metric", "type"))
	}
	return errors.Join(errs...)
}

// emptyElements reports list elements without a value. The YAML library ignores them.
func emptyElements(name string, node *yaml.Node) error {
	var errs []error
	for _, child := range node.Content {
		value := child
		if child.Kind == yaml.AliasNode {
			value = child.Alias
		}
		if node.Kind == yaml.SequenceNode && value.Tag == "!!null" {
			errs = append(errs, &Error{File: name, Line: child.Line, Rule: ruleField, Reason: "an empty element of a list: expected a value"})
		}
		errs = append(errs, emptyElements(name, child))
	}
	return errors.Join(errs...)
}

// decodeOne decodes the only document of a text. An empty text has no document.
func decodeOne(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		var next yaml.Node
		if err := decoder.Decode(&next); !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: expected one document", next.Line)
		}
	}
	return err
}

// error returns an error about a field of a metric. path leads to the field.
func (f *file) error(e entry, rule, reason string, path ...string) *Error {
	name := cmp.Or(e.Annotations.Prometheus.Name, e.Name)
	return &Error{File: f.name, Line: lineOf(e.node, path...), Metric: name, Rule: rule, Reason: reason}
}

// add adds the metric of an entry.
func (f *file) add(e entry) error {
	var errs []error
	report := func(rule, reason string, path ...string) {
		errs = append(errs, f.error(e, rule, reason, path...))
	}
	d := definition(e.metric)
	var ok bool
	if d.Stability, ok = stability(e.metric); !ok {
		report(ruleField, fmt.Sprintf("stability %q: expected development or stable, and the field deprecated for a deprecated metric", e.Stability), "stability")
	}
	if e.Deprecated != nil && d.ReplacedBy == "" {
		report("deprecated", "deprecated without note or renamed_to: expected the metric to use instead", "deprecated")
	}
	// Merging would silently replace the first one.
	repeats := func(m schema.Metric) bool { return m.Definition().PrometheusName == d.PrometheusName }
	if d.PrometheusName != "" && slices.ContainsFunc(f.metrics, repeats) {
		report("prometheus-name-unique", "prometheus name is used twice", e.field("prometheus-name-unique")...)
	}
	for _, a := range e.Attributes {
		if (a.Ref == "") == (a.ID == "") {
			report(ruleField, "an attribute without ref, or with ref and id: expected one of them", "attributes")
		}
	}
	metric, reason, path := typed(d, e.metric)
	if reason != "" {
		report("kind", reason, path...)
	}
	if len(errs) == 0 {
		f.metrics = append(f.metrics, metric)
	}
	return errors.Join(errs...)
}

// definition returns the definition of a metric, without kind and stability.
func definition(m metric) schema.Definition {
	d := schema.Definition{
		Name: m.Name, PrometheusName: m.Annotations.Prometheus.Name, Unit: m.Unit, Description: m.Brief,
		Additive: m.Instrument == instrumentUpDownCounter,
	}
	for _, a := range m.Attributes {
		if name := a.Ref + a.ID; !slices.Contains(engineLabels(), name) {
			d.LabelNames = append(d.LabelNames, name)
		}
	}
	if m.Deprecated != nil {
		d.ReplacedBy = cmp.Or(m.Deprecated.Note, m.Deprecated.RenamedTo)
	}
	e := m.Annotations.Otelkv
	d.Boundaries, d.LabelValues = e.Boundaries, e.LabelValues
	d.PrimaryTier, d.StartsAtZero, d.FromInfo = e.PrimaryTier, e.StartsAtZero, e.FromInfo
	d.Since, d.Usage, d.Query, d.Trap = e.Since, e.Usage, e.Query, e.Trap
	for _, repeated := range e.Mirrors {
		d.Mirrors = append(d.Mirrors, schema.Mirror(repeated))
	}
	return d
}

func stability(m metric) (schema.Stability, bool) {
	s, ok := map[string]schema.Stability{
		schema.StabilityDevelopment.String(): schema.StabilityDevelopment,
		schema.StabilityStable.String():      schema.StabilityStable,
	}[m.Stability]
	if m.Deprecated != nil {
		s = schema.StabilityDeprecated
	}
	return s, ok
}

// typed returns the definition as one of the typed forms, or what is wrong with its kind
// and the path of the field.
func typed(d schema.Definition, m metric) (typed schema.Metric, reason string, path []string) {
	value := m.Annotations.CodeGeneration.MetricValueType
	if value != valueInt && value != valueDouble {
		return nil, fmt.Sprintf("annotation code_generation.metric_value_type %q: expected int or double", value),
			[]string{"annotations", "code_generation", "metric_value_type"}
	}
	switch m.Instrument + " " + value {
	case "counter int":
		return schema.Int64Counter(d), "", nil
	case "counter double":
		return schema.Float64Counter(d), "", nil
	case "gauge int", "updowncounter int":
		return schema.Int64Gauge(d), "", nil
	case "gauge double", "updowncounter double":
		return schema.Float64Gauge(d), "", nil
	case "histogram double":
		return schema.Histogram(d), "", nil
	case "histogram int":
		return nil, "a histogram of int: expected double", []string{"instrument"}
	}
	return nil, fmt.Sprintf("instrument %q: expected counter, updowncounter, gauge or histogram", m.Instrument), []string{"instrument"}
}
