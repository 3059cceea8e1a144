// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// A Rule is the state of one of Prometheus's rules.
type Rule struct {
	Name string
	// Type is "alerting" or "recording".
	Type string
	// Health is "ok" once the rule was evaluated, "err" with LastError if the evaluation
	// failed, and "unknown" before.
	Health    string
	LastError string
}

// Rules returns all configured rules.
func (p *Prometheus) Rules() ([]Rule, error) {
	found, err := p.api.Rules(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	var all []Rule
	for _, group := range found.Groups {
		for _, rule := range group.Rules {
			switch r := rule.(type) {
			case v1.AlertingRule:
				all = append(all, Rule{r.Name, string(v1.RuleTypeAlerting), string(r.Health), r.LastError})
			case v1.RecordingRule:
				all = append(all, Rule{r.Name, string(v1.RuleTypeRecording), string(r.Health), r.LastError})
			}
		}
	}
	return all, nil
}
