// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A Config is what the options of a tracker set.
type Config struct {
	Binder      stats.Binder
	Clock       func() time.Time
	MaxRequests int
}

// NewConfig returns the defaults, changed by the options.
func NewConfig[O ~func(*Config)](opts []O) Config {
	c := Config{MaxRequests: 16_384}
	for _, o := range opts {
		o(&c)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// withCatalogue adds to the error of a catalogue that lacks a metric which of
// vLLM's catalogues have it.
func withCatalogue(err error) error {
	var entry *stats.EntryError
	if !errors.As(err, &entry) || !errors.Is(err, schema.ErrUnknownMetric) {
		return err
	}
	var have []string
	for _, spec := range []struct {
		name      string
		catalogue *schema.Catalogue
	}{
		{"vllm.CPUSpec(2)", vllm.CPUSpec(2)},
		{"vllm.TieringSpec()", vllm.TieringSpec()},
		{"vllm.SimpleCPUSpec()", vllm.SimpleCPUSpec()},
		{"vllm.SimpleCPUPoolSpec()", vllm.SimpleCPUPoolSpec()},
	} {
		if _, ok := spec.catalogue.Lookup(entry.Metric); ok {
			have = append(have, spec.name)
		}
	}
	if have == nil {
		return err
	}
	named := *entry
	named.Err = fmt.Errorf("%w: it is in %s", entry.Err, strings.Join(have, ", "))
	return &named
}
