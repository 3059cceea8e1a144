// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// The part of promtool's test file that the tests use, with promtool's names of the
// fields.
type (
	ruleTestFile struct {
		RuleFiles          []string   `yaml:"rule_files"`
		EvaluationInterval string     `yaml:"evaluation_interval"`
		Tests              []ruleTest `yaml:"tests"`
	}
	ruleTest struct {
		Name        string           `yaml:"name"`
		Interval    string           `yaml:"interval"`
		InputSeries []inputSeries    `yaml:"input_series"`
		Alerts      []alertTest      `yaml:"alert_rule_test,omitempty"`
		Expressions []expressionTest `yaml:"promql_expr_test,omitempty"`
	}
	inputSeries struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	}
	alertTest struct {
		EvalTime  string          `yaml:"eval_time"`
		AlertName string          `yaml:"alertname"`
		Expected  []expectedAlert `yaml:"exp_alerts"`
	}
	expectedAlert struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	}
	expressionTest struct {
		Expr     string           `yaml:"expr"`
		EvalTime string           `yaml:"eval_time"`
		Samples  []expectedSample `yaml:"exp_samples"`
	}
	expectedSample struct {
		Labels string  `yaml:"labels"`
		Value  float64 `yaml:"value"`
	}
)

const ruleTestsHead = `# Generated from the catalogue. To change it, change internal/docs and run go generate ./...
#
# Tests of when each alert fires and when it does not: promtool test rules rules.test.yaml
`

// ruleTestsFile writes docs/alerts/rules.test.yaml.
func ruleTestsFile(string) ([]byte, error) {
	w := &writer{window: "5m"}
	file := ruleTestFile{RuleFiles: []string{"rules.yaml"}, EvaluationInterval: "1m"}
	for _, a := range alerts(w) {
		for _, c := range a.cases {
			file.Tests = append(file.Tests, alertTestOf(a, c))
		}
	}
	file.Tests = append(file.Tests, recordingTest())
	if err := w.err(); err != nil {
		return nil, err
	}
	return encodeYAML(ruleTestsHead, file)
}

func alertTestOf(a alert, c alertCase) ruleTest {
	expected := []expectedAlert{}
	if c.labels != nil {
		labels := map[string]string{"severity": a.severity}
		for name, value := range c.labels {
			labels[name] = value
		}
		expected = append(expected, expectedAlert{
			Labels:      labels,
			Annotations: map[string]string{"summary": expand(a.summary, c.labels), "description": expand(a.runbook, c.labels), "runbook_url": repository + runbookPath(a.name)},
		})
	}
	test := ruleTest{Name: a.name + ": " + c.name, Interval: "1m", InputSeries: c.series}
	for _, at := range strings.Fields(c.at) {
		test.Alerts = append(test.Alerts, alertTest{EvalTime: at, AlertName: a.name, Expected: expected})
	}
	return test
}

// expand replaces labels in a template by their values, as Prometheus does.
func expand(template string, labels map[string]string) string {
	for name, value := range labels {
		template = strings.ReplaceAll(template, "{{ $labels."+name+" }}", value)
	}
	return template
}

// The series of tests are those of one process with one engine.
const (
	testModel    = "llama"
	testEngine   = "0"
	testJob      = "otelkv"
	testInstance = "127.0.0.1:9464"
)

// processLabels returns the labels of an alert about the test's process.
func processLabels() map[string]string {
	return map[string]string{"job": testJob, "instance": testInstance}
}

// alertLabels returns the labels of an alert about the test's engine, or its tier.
func alertLabels(tier ...string) map[string]string {
	labels := processLabels()
	labels[schema.LabelModelName], labels[schema.LabelEngine] = testModel, testEngine
	for _, value := range tier {
		labels[schema.LabelTier] = value
	}
	return labels
}

func inputs(series ...inputSeries) []inputSeries { return series }

// counted returns a series of a counter, or of a histogram's count.
func counted(m schema.Metric, values string, labelValues ...string) inputSeries {
	d := m.Definition()
	name := d.SampleName()
	if d.Kind() == schema.KindHistogram {
		name += "_count"
	}
	return inputSeries{name + selectorOf(d, labelValues), values}
}

// read returns a series of a gauge.
func read(m schema.Metric, values string, labelValues ...string) inputSeries {
	d := m.Definition()
	return inputSeries{d.SampleName() + selectorOf(d, labelValues), values}
}

// bucket returns a series of a histogram's bucket.
func bucket(m schema.Metric, le, values string, labelValues ...string) inputSeries {
	d := m.Definition()
	return inputSeries{d.PrometheusName + "_bucket" + selectorOf(d, labelValues, fmt.Sprintf("le=%q", le)), values}
}

// replica returns the same series of another process with the same engine.
func replica(s inputSeries) inputSeries {
	s.Series = strings.Replace(s.Series, testInstance, "127.0.0.2:9464", 1)
	return s
}

func selectorOf(d schema.Definition, labelValues []string, more ...string) string {
	pairs := []string{fmt.Sprintf("job=%q", testJob), fmt.Sprintf("instance=%q", testInstance)}
	if !ofProcess(d) {
		pairs = append(pairs,
			fmt.Sprintf("%s=%q", schema.LabelModelName, testModel),
			fmt.Sprintf("%s=%q", schema.LabelEngine, testEngine))
	}
	for i, value := range labelValues {
		pairs = append(pairs, fmt.Sprintf("%s=%q", d.LabelNames[i], value))
	}
	return "{" + strings.Join(slices.Concat(pairs, more), ",") + "}"
}
