// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"testing"

	"github.com/otelkv/otelkv-go/schema"
)

func labels(names ...string) func(*schema.Int64Counter) {
	return func(m *schema.Int64Counter) { m.LabelNames = names }
}

func labelValues(name string, values ...string) func(*schema.Int64Counter) {
	return func(m *schema.Int64Counter) { m.LabelValues = map[string][]string{name: values} }
}

var labelBreaches = []breach{
	{
		"label name illegal",
		[]schema.Metric{counter(labels("tier.name"))},
		"label-names",
		`otelkv: metric "kv:load_bytes": label name "tier.name" is illegal: expected a letter or _, then letters, digits and _`,
	},
	{
		"label name empty",
		[]schema.Metric{counter(labels(""))},
		"label-names",
		`otelkv: metric "kv:load_bytes": label name "" is illegal: expected a letter or _, then letters, digits and _`,
	},
	{
		"label name twice",
		[]schema.Metric{counter(labels("tier", "tier"))},
		"label-names-unique",
		`otelkv: metric "kv:load_bytes": label name "tier" is used twice`,
	},
	{
		"label name of the model",
		[]schema.Metric{counter(labels("model_name"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "model_name" is reserved: every series has it from its engine`,
	},
	{
		"label name of the engine",
		[]schema.Metric{counter(labels("engine"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "engine" is reserved: every series has it from its engine`,
	},
	{
		"label name of a bucket",
		[]schema.Metric{counter(labels("le"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "le" is reserved: prometheus sets it on histograms and summaries`,
	},
	{
		"label name of a quantile",
		[]schema.Metric{counter(labels("quantile"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "quantile" is reserved: prometheus sets it on histograms and summaries`,
	},
	{
		"label name of the scope",
		[]schema.Metric{counter(labels("otel_scope_name"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "otel_scope_name" is reserved: exporters set it from the instrumentation scope`,
	},
	{
		"label name of prometheus",
		[]schema.Metric{counter(labels("__name__"))},
		"label-names-reserved",
		`otelkv: metric "kv:load_bytes": label name "__name__" is reserved: prometheus keeps names that begin with __`,
	},
	{
		"label values without their label",
		[]schema.Metric{counter(labels("outcome"), labelValues("result", "ok"))},
		"label-values",
		`otelkv: metric "kv:load_bytes": label values for "result": expected one of the label names ["outcome"]`,
	},
	{
		"label value twice",
		[]schema.Metric{counter(labels("outcome"), labelValues("outcome", "ok", "ok"))},
		"label-values",
		`otelkv: metric "kv:load_bytes": label "outcome" takes "ok" twice`,
	},
	{
		"label value not UTF-8",
		[]schema.Metric{counter(labels("outcome"), labelValues("outcome", "\xff"))},
		"label-values",
		`otelkv: metric "kv:load_bytes": label "outcome" takes "\xff": expected UTF-8`,
	},
	{
		"primary tier without tiers",
		[]schema.Metric{counter(labels("outcome"), func(m *schema.Int64Counter) { m.PrimaryTier = true })},
		"label-values",
		`otelkv: metric "kv:load_bytes": takes the primary tier: expected the label name "tier", have ["outcome"]`,
	},
}

func TestCheckLabelName(t *testing.T) {
	for _, tt := range []struct {
		name string
		want string
	}{
		{"replica", ""},
		{"model_name", ""},
		{"engine", ""},
		{"", "illegal: expected a letter or _, then letters, digits and _"},
		{"k8s.pod", "illegal: expected a letter or _, then letters, digits and _"},
		{"le", "reserved: prometheus sets it on histograms and summaries"},
		{"__name__", "reserved: prometheus keeps names that begin with __"},
		{"otel_scope_name", "reserved: exporters set it from the instrumentation scope"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			if err := schema.CheckLabelName(tt.name); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}
