package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/otelkv/otelkv-go/schema"
)

// MaxSize is the size of a file, in bytes, up to which it is read.
const MaxSize = 1 << 20

// Decode reads the registry of a catalogue. name stands for the file in errors,
// which are [Error] values, joined: all that is wrong with the file's form or,
// once that is right, with its definitions.
func Decode(name string, r io.Reader) (*schema.Catalogue, error) {
	f, err := parse(name, r)
	if err != nil {
		return nil, err
	}
	catalogue, err := schema.NewCatalogue(f.metrics...)
	return catalogue, f.definitionErrors(err)
}

// Merge reads a registry as [Decode] does, and returns the catalogue of base's
// definitions and the file's, by the rules of [schema.Catalogue.Merge]. The
// file's may mirror those of base.
func Merge(base *schema.Catalogue, name string, r io.Reader) (*schema.Catalogue, error) {
	f, err := parse(name, r)
	if err != nil {
		return nil, err
	}
	catalogue, err := base.With(f.metrics...)
	return catalogue, f.definitionErrors(err)
}

// A file is a registry that has the right form.
type file struct {
	name    string
	groups  []group
	nodes   []*yaml.Node // of the groups
	metrics []schema.Metric
}

func parse(name string, r io.Reader) (*file, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("otelkv: %s: %w", name, err)
	case len(text) > MaxSize:
		return nil, &Error{File: name, Rule: RuleSize, Reason: fmt.Sprintf("it has more than %d bytes", MaxSize)}
	}
	var d document
	var root yaml.Node
	if err := decodeOne(text, &d, true); err != nil {
		return nil, syntaxErrors(name, text, err)
	}
	if err := decodeOne(text, &root, false); err != nil {
		return nil, syntaxErrors(name, text, err)
	}
	if err := emptyElements(name, &root); err != nil {
		return nil, err
	}
	f := &file{name: name, groups: d.Groups, nodes: groupNodes(&root)}
	if len(f.nodes) != len(f.groups) {
		return nil, &Error{File: name, Line: 1, Rule: RuleField, Reason: "groups that are merged in: expected them written out"}
	}
	var errs []error
	for i, g := range f.groups {
		errs = append(errs, f.add(g, f.nodes[i]))
	}
	return f, errors.Join(errs...)
}

// emptyElements reports the elements of lists that have no value, which the YAML
// library leaves out.
func emptyElements(name string, node *yaml.Node) error {
	var errs []error
	for _, child := range node.Content {
		if node.Kind == yaml.SequenceNode && resolve(child).Tag == "!!null" {
			errs = append(errs, &Error{File: name, Line: child.Line, Rule: RuleField, Reason: "an empty element of a list: expected a value"})
		}
		errs = append(errs, emptyElements(name, child))
	}
	return errors.Join(errs...)
}

// decodeOne decodes the only document of a text. An empty text has none.
func decodeOne(text []byte, into any, strict bool) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(strict)
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

// groupNodes returns the nodes of the groups of a document. Its form is right.
func groupNodes(root *yaml.Node) []*yaml.Node {
	if len(root.Content) == 0 {
		return nil
	}
	fields := resolve(root.Content[0])
	for i := 0; i+1 < len(fields.Content); i += 2 {
		if fields.Content[i].Value != "groups" {
			continue
		}
		var nodes []*yaml.Node
		for _, node := range resolve(fields.Content[i+1]).Content {
			nodes = append(nodes, resolve(node))
		}
		return nodes
	}
	return nil
}

func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func (g group) prometheusName() string {
	if g.Annotations == nil || g.Annotations.Prometheus == nil {
		return ""
	}
	return g.Annotations.Prometheus.Name
}

// add adds the metric that a group defines.
func (f *file) add(g group, node *yaml.Node) error {
	var errs []error
	report := func(rule, reason string, path ...string) {
		metric := g.prometheusName()
		if metric == "" {
			metric = g.MetricName
		}
		errs = append(errs, &Error{File: f.name, Line: lineOf(node, path...), Metric: metric, Rule: rule, Reason: reason})
	}
	if g.ID == "" {
		report(RuleField, "it has no id")
	}
	switch g.Type {
	case typeAttributeGroup:
		if g.MetricName != "" || g.Instrument != "" {
			report(RuleField, "an attribute_group that is a metric: expected the type metric", "type")
		}
		return errors.Join(errs...)
	case typeMetric:
	default:
		report(RuleField, fmt.Sprintf("type %q: expected metric or attribute_group", g.Type), "type")
		return errors.Join(errs...)
	}
	d := definition(g)
	var ok bool
	if d.Stability, ok = stability(g); !ok {
		report(RuleField, fmt.Sprintf("stability %q: expected development or stable, and a field deprecated for what is", g.Stability), "stability")
	}
	if g.Deprecated != nil && d.ReplacedBy == "" {
		report("deprecated", "deprecated without note or renamed_to: expected what to use instead", "deprecated")
	}
	if d.PrometheusName != "" && f.defines(d.PrometheusName) {
		report("prometheus-name-unique", "prometheus name is used twice", field("prometheus-name-unique")...)
	}
	for _, a := range g.Attributes {
		if (a.Ref == "") == (a.ID == "") {
			report(RuleField, "an attribute without ref, or with ref and id: expected one of them", "attributes")
		}
	}
	metric, reason, path := typed(d, g)
	if reason != "" {
		report("kind", reason, path...)
	}
	if len(errs) == 0 {
		f.metrics = append(f.metrics, metric)
	}
	return errors.Join(errs...)
}

// defines reports whether one of the metrics so far has the Prometheus name. A
// catalogue that the file is merged into would take the last of them.
func (f *file) defines(name string) bool {
	return slices.ContainsFunc(f.metrics, func(m schema.Metric) bool {
		return m.Definition().PrometheusName == name
	})
}

// definition returns a group's definition, without kind and stability.
func definition(g group) schema.Definition {
	d := schema.Definition{Name: g.MetricName, PrometheusName: g.prometheusName(), Unit: g.Unit, Description: g.Brief}
	for _, a := range g.Attributes {
		if name := a.Ref + a.ID; !slices.Contains(engineLabels(), name) {
			d.LabelNames = append(d.LabelNames, name)
		}
	}
	if g.Deprecated != nil {
		d.ReplacedBy = g.Deprecated.Note
		if d.ReplacedBy == "" {
			d.ReplacedBy = g.Deprecated.RenamedTo
		}
	}
	if g.Annotations == nil || g.Annotations.Otelkv == nil {
		return d
	}
	e := g.Annotations.Otelkv
	d.Boundaries, d.LabelValues = e.Boundaries, e.LabelValues
	d.PrimaryTier, d.StartsAtZero, d.FromInfo = e.PrimaryTier, e.StartsAtZero, e.FromInfo
	d.Since, d.Usage, d.Query, d.Trap = e.Since, e.Usage, e.Query, e.Trap
	for _, m := range e.Mirrors {
		d.Mirrors = append(d.Mirrors, schema.Mirror(m))
	}
	return d
}

func stability(g group) (schema.Stability, bool) {
	s, ok := map[string]schema.Stability{
		schema.StabilityDevelopment.String(): schema.StabilityDevelopment,
		schema.StabilityStable.String():      schema.StabilityStable,
	}[g.Stability]
	if g.Deprecated != nil {
		s = schema.StabilityDeprecated
	}
	return s, ok
}

// typed returns the definition as one of the typed forms, or why it has none and
// the path of the field that is wrong.
func typed(d schema.Definition, g group) (m schema.Metric, reason string, path []string) {
	value := ""
	if g.Annotations != nil && g.Annotations.CodeGeneration != nil {
		value = g.Annotations.CodeGeneration.MetricValueType
	}
	if value != valueInt && value != valueDouble {
		return nil, fmt.Sprintf("annotation code_generation.metric_value_type %q: expected int or double", value),
			[]string{"annotations", "code_generation", "metric_value_type"}
	}
	switch g.Instrument + " " + value {
	case "counter int":
		return schema.Int64Counter(d), "", nil
	case "counter double":
		return schema.Float64Counter(d), "", nil
	case "gauge int":
		return schema.Int64Gauge(d), "", nil
	case "gauge double":
		return schema.Float64Gauge(d), "", nil
	case "histogram double":
		return schema.Histogram(d), "", nil
	case "histogram int":
		return nil, "a histogram of int: expected double", []string{"instrument"}
	}
	return nil, fmt.Sprintf("instrument %q: expected counter, gauge or histogram", g.Instrument), []string{"instrument"}
}
