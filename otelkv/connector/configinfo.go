// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/internal/sink"
	"github.com/otelkv/otelkv-go/schema"
)

// A ConfigInfo sends an engine's static configuration: the values of the label names that
// a specification declared, vLLM's kv_offload_config_info. It sends them with the first
// payload after they were set, and again only when a value has changed. A recorder then
// replaces the series. It is safe for concurrent use.
//
// It always fills a payload, because only the info of a payload can replace a series. Pass
// the payload to the recorder's Observe.
type ConfigInfo struct {
	outlet
	mu       sync.Mutex // guards what follows
	sink     *sink.Sink
	metric   string
	declared []string
	current  map[string]string
	reported bool
}

// NewConfigInfo returns a ConfigInfo for the label names of m. It returns an error if m is
// not filled from a payload's info.
func NewConfigInfo(m schema.Int64Gauge) (*ConfigInfo, error) {
	if !m.FromInfo {
		return nil, fmt.Errorf("otelkv: metric %q: not an info metric: expected a definition with FromInfo", m.PrometheusName)
	}
	c := &ConfigInfo{sink: sink.New(nil), metric: m.PrometheusName, declared: slices.Clone(m.LabelNames)}
	c.outlet = outlet{sink.NewOutlet(&c.mu, c.sink, nil)}
	return c, nil
}

// Set sets the facts, by label name. Give an unknown fact as "None", as vLLM does, because
// an empty label value is the same as no label.
//
// A declared name without a value is sent empty. A value whose name is not declared is
// dropped. The first Set that meets such names returns an error that lists them.
func (c *ConfigInfo) Set(facts map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := make(map[string]string, len(c.declared))
	var missing, undeclared []string
	for _, name := range c.declared {
		value, ok := facts[name]
		if !ok {
			missing = append(missing, name)
		}
		info[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if !slices.Contains(c.declared, name) {
			undeclared = append(undeclared, name)
		}
	}
	if c.current == nil || !maps.Equal(info, c.current) {
		c.current = info
		c.sink.SetInfo(info)
	}
	if c.reported || len(missing)+len(undeclared) == 0 {
		return nil
	}
	c.reported = true
	var reasons []string
	if len(missing) > 0 {
		reasons = append(reasons, fmt.Sprintf("no value for labels %q, sent empty", missing))
	}
	if len(undeclared) > 0 {
		reasons = append(reasons, fmt.Sprintf("labels %q are not declared, dropped", undeclared))
	}
	return fmt.Errorf("otelkv: metric %q: %s", c.metric, strings.Join(reasons, "; "))
}
