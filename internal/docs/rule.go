// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/otelkv/otelkv-go/schema"
)

// An alert is an alerting rule with its runbook and the cases of its unit tests.
type alert struct {
	name     string
	expr     term
	hold     string
	severity string
	// summary is one line. {{ $labels.x }} is the value of a label.
	summary string
	// runbook is one paragraph: what the alert means, and what to check first.
	runbook string
	cases   []alertCase
}

// An alertCase is a test: some series, and whether the alert fires for them.
type alertCase struct {
	name   string
	series []inputSeries
	// at is the time of the check after the start of the series, or several times with
	// spaces between them.
	at string
	// labels are those of the alert that fires, without the severity, or nil if none fires.
	labels map[string]string
}

// A recording is a recording rule, named level:metric:operation.
type recording struct {
	name string
	expr term
}

// recordingName returns the name of a rule that aggregates m to a level of labels.
func recordingName(level string, m schema.Metric, operation string) string {
	return level + ":" + strings.ReplaceAll(m.Definition().PrometheusName, ":", "_") + ":" + operation
}

// The part of Prometheus's rule file that the rules use, with Prometheus's names of the
// fields.
type (
	ruleFile struct {
		Groups []ruleGroup `yaml:"groups"`
	}
	ruleGroup struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	rule struct {
		Record      string            `yaml:"record,omitempty"`
		Alert       string            `yaml:"alert,omitempty"`
		Expr        string            `yaml:"expr"`
		For         string            `yaml:"for,omitempty"`
		Labels      map[string]string `yaml:"labels,omitempty"`
		Annotations map[string]string `yaml:"annotations,omitempty"`
	}
)

// A prometheusRule is the resource that the Prometheus operator reads rules from.
type prometheusRule struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Spec ruleFile `yaml:"spec"`
}

const prometheusRuleHead = `# Generated from the catalogue. To change it, change internal/docs and run go generate ./...
#
# The rules of docs/alerts/rules.yaml for the Prometheus operator. Its ruleSelector must match the labels.
`

// prometheusRuleFile writes deploy/prometheusrule.yaml.
func prometheusRuleFile(string) ([]byte, error) {
	spec, err := rules()
	if err != nil {
		return nil, err
	}
	r := prometheusRule{APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule", Spec: spec}
	r.Metadata.Name = "kv-offload"
	r.Metadata.Labels = map[string]string{"app.kubernetes.io/name": "otelkv"}
	return encodeYAML(prometheusRuleHead, r)
}

const rulesHead = `# Generated from the catalogue. To change it, change internal/docs and run go generate ./...
#
# Recording and alerting rules for KV-cache offloading. README.md in this folder has the runbooks.
# rules.test.yaml tests the rules: promtool test rules rules.test.yaml
`

// rulesFile writes docs/alerts/rules.yaml.
func rulesFile(string) ([]byte, error) {
	file, err := rules()
	if err != nil {
		return nil, err
	}
	return encodeYAML(rulesHead, file)
}

func rules() (ruleFile, error) {
	w := &writer{window: "5m"}
	records, alerts := recordings(w), alerts(w)
	if err := w.err(); err != nil {
		return ruleFile{}, err
	}
	file := ruleFile{Groups: []ruleGroup{
		{Name: "kv-offload.recordings"}, {Name: "kv-offload.alerts"},
	}}
	for _, r := range records {
		file.Groups[0].Rules = append(file.Groups[0].Rules, rule{Record: r.name, Expr: r.expr.text})
	}
	for _, a := range alerts {
		file.Groups[1].Rules = append(file.Groups[1].Rules, rule{
			Alert: a.name, Expr: a.expr.text, For: a.hold,
			Labels:      map[string]string{"severity": a.severity},
			Annotations: map[string]string{"summary": a.summary, "description": a.runbook, "runbook_url": repository + runbookPath(a.name)},
		})
	}
	return file, nil
}

func encodeYAML(head string, value any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(head)
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	err := encoder.Encode(value)
	return b.Bytes(), err
}
