// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"fmt"
	"strings"
)

const runbooksHead = `<!-- Generated from the catalogue. To change it, change internal/docs and run go generate ./... -->

# Alerts

[rules.yaml](rules.yaml) has recording and alerting rules for Prometheus. Add it to ` + "`rule_files`" + `, or apply
[prometheusrule.yaml](../../deploy/prometheusrule.yaml) if you use the Prometheus operator. The thresholds suit a scrape interval of a minute or less.

The ` + "`for`" + ` times are long, because a service with a failing cache is slow, not down. Trouble that ends within five minutes of a start or a restart only
fires OtelkvSeriesFolded. An alert has all labels of its series, so the label instance distinguishes replicas with the same model and engine. Panels in
quotes are those of the [dashboard](../dashboards/README.md). KVOffloadEngineSilent and the alerts that begin with Otelkv need ` + "`otelkv.WithSelfMetrics`" + `.
They never fire for vLLM's own processes.

Check and test the rules after a change:

` + "```sh" + `
promtool check rules docs/alerts/rules.yaml
promtool test rules docs/alerts/rules.test.yaml
` + "```" + `

`

// runbooksFile writes docs/alerts/README.md.
func runbooksFile(string) ([]byte, error) {
	w := &writer{window: "5m"}
	records, alerts := recordings(w), alerts(w)
	if err := w.err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(runbooksHead)
	b.WriteString("| alert | severity | for |\n|---|---|---|\n")
	for _, a := range alerts {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", a.name, anchor(a.name), a.severity, a.hold)
	}
	for _, a := range alerts {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n%s\n\n```promql\n%s\n```\n", a.name, plain(a.summary), a.runbook, a.expr.text)
	}
	b.WriteString("\n## Recording rules\n")
	for _, r := range records {
		fmt.Fprintf(&b, "\n`%s`\n\n```promql\n%s\n```\n", r.name, r.expr.text)
	}
	return b.Bytes(), nil
}

// runbookPath returns the path of an alert's runbook in the repository.
func runbookPath(alert string) string { return "docs/alerts/README.md#" + anchor(alert) }

// plain returns a summary without the values of labels.
func plain(summary string) string {
	return strings.NewReplacer(
		ofTier, "a tier",
		ofEngine, "an engine",
		ofRecorder, "a recorder",
		": {{ $labels.reason }}", "",
	).Replace(summary)
}
