package connector

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// ErrNotInfo says that a metric is not one whose labels a payload's info fills.
var ErrNotInfo = errors.New("not an info metric")

// A ConfigInfo sends an engine's static configuration: the values of the label
// names that a specification declared, vLLM's kv_offload_config_info. It sends
// them with the first payload after they were set, and again only when a value
// has changed; a recorder then replaces the series. It is safe for concurrent
// use.
//
// It always fills a payload, since only the info of a payload can replace a
// series: give what [ConfigInfo.Take] returns to the recorder's Observe.
type ConfigInfo struct {
	metric   string
	declared []string

	mu       sync.Mutex
	payload  stats.Payload
	current  map[string]string
	reported bool
}

// NewConfigInfo returns a ConfigInfo for the label names of m. It returns an
// error that wraps [ErrNotInfo] if m is not filled from a payload's info.
func NewConfigInfo(m schema.Int64Gauge) (*ConfigInfo, error) {
	if !m.FromInfo {
		return nil, fmt.Errorf("otelkv: metric %q: %w: expected a definition with FromInfo", m.PrometheusName, ErrNotInfo)
	}
	return &ConfigInfo{metric: m.PrometheusName, declared: slices.Clone(m.LabelNames)}, nil
}

// A ConfigInfoError says which facts did not fit the declared label names.
type ConfigInfoError struct {
	// Metric is the Prometheus name of the metric.
	Metric string
	// Missing are declared names without a value, in declared order. They are
	// sent empty.
	Missing []string
	// Undeclared are names with a value that were not declared, sorted. They are
	// not sent.
	Undeclared []string
}

// Error names the metric and every label that did not fit.
func (e *ConfigInfoError) Error() string {
	var reasons []string
	if len(e.Missing) > 0 {
		reasons = append(reasons, fmt.Sprintf("no value for labels %q, sent empty", e.Missing))
	}
	if len(e.Undeclared) > 0 {
		reasons = append(reasons, fmt.Sprintf("labels %q are not declared, dropped", e.Undeclared))
	}
	return fmt.Sprintf("otelkv: metric %q: %s", e.Metric, strings.Join(reasons, "; "))
}

// Set gives the facts, by label name. A fact that is not known is best given as
// "None", as vLLM does, since an empty label value is the same as none.
//
// Values that do not fit the declared names do not stop the others. They are
// reported once in the life of c, by a [*ConfigInfoError].
func (c *ConfigInfo) Set(facts map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := make(map[string]string, len(c.declared))
	mismatch := ConfigInfoError{Metric: c.metric}
	for _, name := range c.declared {
		value, ok := facts[name]
		if !ok {
			mismatch.Missing = append(mismatch.Missing, name)
		}
		info[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if !slices.Contains(c.declared, name) {
			mismatch.Undeclared = append(mismatch.Undeclared, name)
		}
	}
	if c.current == nil || !maps.Equal(info, c.current) {
		c.current = info
		c.payload.SetInfo(info)
	}
	if c.reported || len(mismatch.Missing)+len(mismatch.Undeclared) == 0 {
		return nil
	}
	c.reported = true
	return &mismatch
}

// Take returns a payload with the facts if they have changed since it was last
// called, and nil otherwise. The payload belongs to the caller.
func (c *ConfigInfo) Take() *stats.Payload {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.payload.Take()
}

// TakeInto is [ConfigInfo.Take] into the memory of dst, which belongs to the
// caller. It reports whether there was anything to take.
func (c *ConfigInfo) TakeInto(dst *stats.Payload) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.payload.TakeInto(dst)
}
