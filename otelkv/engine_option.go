// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
	"github.com/otelkv/otelkv-go/schema"
)

// PrimaryTier is the label of the primary tier. Every engine with tiers has one.
const PrimaryTier = tier.Primary

// An EngineOption sets one thing of an [Engine].
type EngineOption func(*engineConfig)

type engineConfig struct {
	medium string
	// tierTypes are the types of every tier that was ever declared. The first has index 1.
	// A connector uses those of its engine.
	tierTypes []string
	tiers     []string // the labels of the tiers that are declared now; replaced, never changed
	primed    bool
	source    *string
}

func newEngineConfig(options []EngineOption) engineConfig {
	c := engineConfig{medium: "CPU"}
	for _, o := range options {
		o(&c)
	}
	return c
}

func (c *engineConfig) check(metrics []*recorderMetric) error {
	labels, err := tierLabels(c.tierTypes)
	c.tiers = labels
	errs := []error{err, checkMedium(c.medium, metrics)}
	if c.source != nil {
		errs = append(errs, checkLabelValue(*c.source))
	}
	return errors.Join(errs...)
}

// tierLabels returns the labels of secondary tiers of the given types. The error names
// every type that is not valid.
func tierLabels(types []string) ([]string, error) {
	var labels []string
	var errs []error
	for i, of := range types {
		label, err := tier.Label(i+1, of)
		if err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", ErrLabelValues, err))
		}
		labels = append(labels, label)
	}
	return labels, errors.Join(errs...)
}

// checkMedium reports a medium that mirrors cannot name. With some media, two metrics
// would be mirrored as the same series: with "GPU", loads and stores would both be
// GPU_to_GPU.
func checkMedium(medium string, metrics []*recorderMetric) error {
	errs := []error{checkLabelValue(medium)}
	if medium == "" {
		errs = append(errs, fmt.Errorf("%w: it is empty", ErrLabelValues))
	}
	for _, m := range metrics {
		var all [][]string
		for _, mirror := range m.definition.Mirrors {
			values := withMedium(mirror.LabelValues, medium)
			if slices.ContainsFunc(all, func(other []string) bool { return slices.Equal(other, values) }) {
				errs = append(errs, fmt.Errorf("%w: two metrics would be mirrored as %s with the label values %q",
					ErrLabelValues, m.definition.PrometheusName, values))
			}
			all = append(all, values)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("medium %.32q: %w", medium, err)
	}
	return nil
}

// withMedium returns a mirror's label values with the engine's medium in them.
func withMedium(labelValues []string, medium string) []string {
	values := make([]string, len(labelValues))
	for i, v := range labelValues {
		values[i] = strings.ReplaceAll(v, schema.Medium, medium)
	}
	return values
}

// WithMedium names the medium that the engine offloads to, for the label transfer_type of
// the deprecated metrics. Without it the medium is "CPU", and the label has the values
// "CPU_to_GPU" and "GPU_to_CPU". Dashboards of a shared-file backend query
// "GPU_to_SHARED_STORAGE": their medium is "SHARED_STORAGE". The medium must not be empty,
// nor "GPU", which would give loads and stores the same label.
func WithMedium(medium string) EngineOption {
	return func(c *engineConfig) { c.medium = medium }
}

// WithSource says where the engine comes from. It is for a recorder that takes the stats
// of several processes, each of which counts its engines from zero. Two such engines may
// have the same index if their models differ, or their sources and the recorder has a
// label for these ([LabelNames]). [Recorder.Engine] and [Recorder.Observe] do not find
// engines with a source.
func WithSource(name string) EngineOption {
	return func(c *engineConfig) { c.source = &name }
}

// WithTiers declares the engine's secondary tiers by their types, such as "fs", in the
// order in which they are looked up. The first one has the label "1:fs". Declared tiers
// never fold into [Other].
func WithTiers(types ...string) EngineOption {
	types = slices.Clone(types)
	return func(c *engineConfig) { c.tierTypes = append(slices.Clip(c.tierTypes), types...) }
}

// WithPriming creates every series that is known beforehand, with the value zero: those
// of metrics without labels, those of the tiers that [WithTiers] declares, and those of
// the label values that a definition lists. A query can then tell zero from a mistyped
// label.
//
// The histograms of instruments ([Recorder.RegisterInstruments]) still appear with their
// first sample.
func WithPriming() EngineOption {
	return func(c *engineConfig) { c.primed = true }
}
