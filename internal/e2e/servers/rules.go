// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// A Rule is what Prometheus says of one of its rules.
type Rule struct {
	Name string
	// Type is "alerting" or "recording".
	Type string
	// Health is "ok" once the rule was evaluated, "err" if that failed, for which
	// LastError says why, and "unknown" before.
	Health    string
	LastError string
}

// Rules returns every rule that Prometheus was configured with.
func (p *Prometheus) Rules() ([]Rule, error) {
	response, err := p.client.Get("http://" + p.address + "/api/v1/rules")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("rules: %s", response.Status)
	}
	var answer struct {
		Data struct {
			Groups []struct{ Rules []Rule }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	var all []Rule
	for _, group := range answer.Data.Groups {
		all = append(all, group.Rules...)
	}
	return all, nil
}
