// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/otelkv/otelkv-go/schema"
)

// DefaultSeriesLimit is the number of series of one definition, over all
// engines, past which label values fold into [Other]. It stays below the SDK's
// own limit of 2,000 for an instrument, so that ours acts first, with room for
// the folded series of a hundred engines.
const DefaultSeriesLimit = 1900

// DefaultTotalSeriesLimit is the number of series of one recorder past which
// label values fold into [Other].
const DefaultTotalSeriesLimit = 50_000

// An Option sets one thing of a [Recorder].
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	modelLabel     string
	engineLabel    string
	connectorLabel string
	sourceLabel    string
	constants      []attribute.KeyValue
	tierMedium     func(tier string) TierMedium
	seriesLimit    int
	totalLimit     int
	selfMetrics    bool
	staleInfo      bool
	selfCatalogues []*schema.Catalogue
	exemplarFilter exemplar.Filter
	traceBased     bool // that the filter is exemplar.TraceBasedFilter
	now            func() time.Time
}

func newConfig(options []Option) config {
	c := config{
		modelLabel:  schema.LabelModelName,
		engineLabel: schema.LabelEngine,
		seriesLimit: DefaultSeriesLimit,
		totalLimit:  DefaultTotalSeriesLimit,
		now:         time.Now,
	}
	c.setExemplarFilter()
	for _, o := range options {
		o.apply(&c)
	}
	return c
}

// labelNames returns the names of all labels that a metric's series have.
func (m *recorderMetric) labelNames() []string {
	c, d := &m.recorder.config, &m.definition
	names := make([]string, 0, len(d.LabelNames)+4)
	if !m.process {
		names = c.appendEngineLabelNames(names)
	}
	for _, label := range d.LabelNames {
		names = append(names, label)
		if label == schema.LabelTier && c.tierMedium != nil {
			names = append(names, LabelTierMedium)
		}
	}
	for _, kv := range c.constants {
		names = append(names, string(kv.Key))
	}
	return names
}

// engineLabelNames returns the names of the labels that series carry beside their
// own.
func (c *config) engineLabelNames() []string {
	names := c.appendEngineLabelNames(nil)
	if c.tierMedium != nil {
		names = append(names, LabelTierMedium)
	}
	for _, kv := range c.constants {
		names = append(names, string(kv.Key))
	}
	return names
}

// appendEngineLabelNames appends the names of the labels that tell engines apart.
func (c *config) appendEngineLabelNames(names []string) []string {
	for _, name := range []string{c.modelLabel, c.engineLabel, c.connectorLabel, c.sourceLabel} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// check reports label names that are illegal, or clash with each other or with
// a definition's.
func (c *config) check(catalogue *schema.Catalogue) error {
	var errs []error
	names := c.engineLabelNames()
	for i, name := range names {
		if err := schema.CheckLabelName(name); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: engine label %q: %w: %w", name, ErrLabelName, err))
		}
		if slices.Contains(names[:i], name) {
			errs = append(errs, fmt.Errorf("otelkv: engine label %q: %w", name, ErrLabelTwice))
		}
	}
	for _, kv := range c.constants {
		if err := checkConstant(kv.Value); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: engine label %q: %w", kv.Key, err))
		}
	}
	for d := range catalogue.All() {
		for _, label := range d.LabelNames {
			if slices.Contains(names, label) {
				errs = append(errs, fmt.Errorf("otelkv: metric %q: label %q: %w: it is also an engine label", d.PrometheusName, label, ErrLabelTwice))
			}
		}
	}
	return errors.Join(errs...)
}

func checkConstant(value attribute.Value) error {
	if value.Type() != attribute.STRING {
		return fmt.Errorf("%w: %v is no string", ErrLabelValues, value.AsInterface())
	}
	return checkLabelValue(value.AsString())
}

// WithEngineLabelName names the label that carries the engine's index, instead
// of "engine", for services that use the word for something else.
func WithEngineLabelName(name string) Option {
	return optionFunc(func(c *config) { c.engineLabel = name })
}

// WithoutEngineLabels leaves out the labels "engine" and "model_name", for a service that
// has one of either, or neither. The recorder then takes one engine only, unless
// [WithSourceLabelName] tells several apart. Dashboards of vLLM filter by these labels.
func WithoutEngineLabels() Option {
	return optionFunc(func(c *config) { c.modelLabel, c.engineLabel = "", "" })
}

// WithConnectorLabelName adds a label to every series that tells the connectors
// of one process apart: the name under which a payload nests, or the one given
// to [Engine.Connector]. Without it, series of several connectors are one, as
// in vLLM.
func WithConnectorLabelName(name string) Option {
	return optionFunc(func(c *config) { c.connectorLabel = name })
}

// WithSourceLabelName adds a label to every series that tells where its engine
// comes from, as [WithSource] says.
func WithSourceLabelName(name string) Option {
	return optionFunc(func(c *config) { c.sourceLabel = name })
}

// WithConstantLabels adds labels of the same value to every series, for example
// the replica that re-publishes them. The values are strings.
func WithConstantLabels(labels ...attribute.KeyValue) Option {
	labels = slices.Clone(labels)
	return optionFunc(func(c *config) { c.constants = append(c.constants, labels...) })
}

// WithSeriesLimit sets how many series of one definition there may be, over all
// engines, instead of [DefaultSeriesLimit]. Zero or less means no limit.
func WithSeriesLimit(limit int) Option {
	return optionFunc(func(c *config) { c.seriesLimit = limit })
}

// WithTotalSeriesLimit sets how many series the recorder may have in all, instead
// of [DefaultTotalSeriesLimit]. Zero or less means no limit.
func WithTotalSeriesLimit(limit int) Option {
	return optionFunc(func(c *config) { c.totalLimit = limit })
}

// WithStaleInfo keeps the series of a payload's info when the facts change, as vLLM
// does, whose process never removes a series. Without it the new facts take the place
// of the old ones, so that a dashboard which shows an engine's configuration shows one.
func WithStaleInfo() Option {
	return optionFunc(func(c *config) { c.staleInfo = true })
}
