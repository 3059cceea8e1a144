package otelkv

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

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

// DefaultRemovalDelay is how long a removed engine is still reported to a
// foreign provider. It is longer than the default interval of an SDK periodic
// reader, which is one minute.
const DefaultRemovalDelay = 90 * time.Second

// An Option sets one thing of a [Recorder].
type Option interface {
	apply(*config)
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	provider       metric.MeterProvider
	modelLabel     string
	engineLabel    string
	connectorLabel string
	sourceLabel    string
	constants      []attribute.KeyValue
	tierMedium     func(tier string) TierMedium
	seriesLimit    int
	totalLimit     int
	instruments    bool
	selfMetrics    bool
	selfCatalogues []*schema.Catalogue
	removalDelay   time.Duration
	now            func() time.Time
}

func newConfig(options []Option) config {
	c := config{
		modelLabel:   schema.LabelModelName,
		engineLabel:  schema.LabelEngine,
		seriesLimit:  DefaultSeriesLimit,
		totalLimit:   DefaultTotalSeriesLimit,
		removalDelay: DefaultRemovalDelay,
		now:          time.Now,
	}
	for _, o := range options {
		o.apply(&c)
	}
	if c.provider == nil {
		c.provider = otel.GetMeterProvider()
	}
	return c
}

// engineLabelNames returns the names of the labels that series carry beside their
// own.
func (c *config) engineLabelNames() []string {
	names := []string{c.modelLabel, c.engineLabel}
	if c.connectorLabel != "" {
		names = append(names, c.connectorLabel)
	}
	if c.sourceLabel != "" {
		names = append(names, c.sourceLabel)
	}
	if c.tierMedium != nil {
		names = append(names, LabelTierMedium)
	}
	for _, kv := range c.constants {
		names = append(names, string(kv.Key))
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
		return fmt.Errorf("%w: %v is no string", ErrLabelValues, value)
	}
	return checkLabelValue(value.AsString())
}

// WithMeterProvider sets where the metrics go. Without it, or with nil, the
// global provider is used, also one that is set later: counters and gauges keep
// what was recorded until then, histograms do not.
//
// A pipeline of package exporters takes every series as the recorder keeps it,
// which is fast. Any other provider gets observable instruments for counters and
// gauges, and synchronous ones for histograms.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return optionFunc(func(c *config) { c.provider = provider })
}

// WithEngineLabelName names the label that carries the engine's index, instead
// of "engine", for services that use the word for something else.
func WithEngineLabelName(name string) Option {
	return optionFunc(func(c *config) { c.engineLabel = name })
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
// engines, instead of [DefaultSeriesLimit]. Zero or less means no limit. On a
// provider with a lower cardinality limit of its own, that one acts first and
// drops every label.
func WithSeriesLimit(limit int) Option {
	return optionFunc(func(c *config) { c.seriesLimit = limit })
}

// WithTotalSeriesLimit sets how many series the recorder may have in all, instead
// of [DefaultTotalSeriesLimit]. Zero or less means no limit.
func WithTotalSeriesLimit(limit int) Option {
	return optionFunc(func(c *config) { c.totalLimit = limit })
}

// WithInstruments makes the recorder use OpenTelemetry instruments on every
// provider, also on a pipeline of package exporters. Views and exponential
// histograms then apply, at the SDK's price for a histogram sample.
func WithInstruments() Option {
	return optionFunc(func(c *config) { c.instruments = true })
}

// WithRemovalDelay sets how long a removed engine is still reported to a
// foreign provider, instead of [DefaultRemovalDelay]. Give more than the longest
// interval of the provider's readers, which the recorder cannot know.
func WithRemovalDelay(delay time.Duration) Option {
	return optionFunc(func(c *config) { c.removalDelay = delay })
}
