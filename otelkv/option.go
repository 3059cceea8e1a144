// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/otelkv/otelkv-go/schema"
)

// The limits of series, unless an option gives others. The limit of one definition stays
// below the SDK's own of 2,000 for an instrument, so that ours acts first. The difference
// leaves room for the folded series of a hundred engines.
const (
	defaultSeriesLimit = 1900
	defaultTotalLimit  = 50_000
)

// labelTierMedium is the label that WithTierMedium adds.
const labelTierMedium = "tier_medium"

// An Option sets one thing of a [Recorder].
type Option func(*config)

type config struct {
	labels         LabelNames // an empty one is left out
	constants      []attribute.KeyValue
	tierMedium     func(tier string) string
	seriesLimit    int
	totalLimit     int
	selfMetrics    bool
	staleInfo      bool
	selfCatalogues []*schema.Catalogue
	exemplarFilter exemplar.Filter
	traceBased     bool // the filter is exemplar.TraceBasedFilter
	now            func() time.Time
}

func newConfig(options []Option) config {
	c := config{
		labels:      LabelNames{Model: schema.LabelModelName, Engine: schema.LabelEngine},
		seriesLimit: defaultSeriesLimit,
		totalLimit:  defaultTotalLimit,
		now:         time.Now,
	}
	c.setExemplarFilter()
	for _, o := range options {
		o(&c)
	}
	return c
}

// check reports label names that are illegal, or that clash with each other or with a
// definition's.
func (c *config) check(catalogue *schema.Catalogue) error {
	var errs []error
	names := c.labels.all()
	if c.tierMedium != nil {
		names = append(names, labelTierMedium)
	}
	for _, kv := range c.constants {
		names = append(names, string(kv.Key))
		if err := checkConstant(kv.Value); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: engine label %q: %w", kv.Key, err))
		}
	}
	for i, name := range names {
		if err := schema.CheckLabelName(name); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: engine label %q: bad label name: %w", name, err))
		}
		if slices.Contains(names[:i], name) {
			errs = append(errs, fmt.Errorf("otelkv: engine label %q: label name used twice", name))
		}
	}
	for d := range catalogue.All() {
		for _, label := range d.LabelNames {
			if slices.Contains(names, label) {
				errs = append(errs, fmt.Errorf("otelkv: metric %q: label %q: label name used twice: it is also an engine label", d.PrometheusName, label))
			}
		}
	}
	return errors.Join(errs...)
}

// checkConstant reports a value that a constant label cannot have.
func checkConstant(value attribute.Value) error {
	if value.Type() != attribute.STRING {
		return fmt.Errorf("%w: %v is no string", ErrLabelValues, value.AsInterface())
	}
	return checkLabelValue(value.AsString())
}

// LabelNames are the names of the labels that tell engines apart. An empty name leaves a
// label as it is, and the name "-" leaves the label out.
type LabelNames struct {
	// Model is the label of the engine's model, by default "model_name".
	Model string
	// Engine is the label of the engine's index, by default "engine".
	Engine string
	// Connector is the label that tells the connectors of one process apart. Its value is
	// the name under which a payload nests, or the argument of [Engine.Connector]. By
	// default there is no such label: the series of several connectors are one, as in
	// vLLM.
	Connector string
	// Source is the label that says where an engine comes from ([WithSource]). By default
	// there is no such label.
	Source string
}

// all returns the names of the labels that are not left out.
func (n *LabelNames) all() []string {
	return slices.DeleteFunc([]string{n.Model, n.Engine, n.Connector, n.Source}, func(name string) bool { return name == "" })
}

// WithLabelNames renames, adds or leaves out the labels that tell engines apart. It is
// for a service that uses one of their names for something else, or that has no engines
// or models. Dashboards of vLLM filter by "model_name" and "engine".
//
// Without the label of the engine, a recorder takes one engine of each model and source
// only.
func WithLabelNames(names LabelNames) Option {
	return func(c *config) {
		set := func(label *string, name string) {
			switch name {
			case "":
			case "-":
				*label = ""
			default:
				*label = name
			}
		}
		set(&c.labels.Model, names.Model)
		set(&c.labels.Engine, names.Engine)
		set(&c.labels.Connector, names.Connector)
		set(&c.labels.Source, names.Source)
	}
}

// WithConstantLabels adds labels with the same value to every series, for example the
// replica that re-publishes them. The values are strings.
func WithConstantLabels(labels ...attribute.KeyValue) Option {
	labels = slices.Clone(labels)
	return func(c *config) { c.constants = append(c.constants, labels...) }
}

// WithStaleInfo keeps the series of a payload's info when the facts change, as vLLM does,
// which never removes a series. Without it the new facts replace the old ones, so a
// dashboard of the engines' configuration shows one series for each engine.
func WithStaleInfo() Option {
	return func(c *config) { c.staleInfo = true }
}

// WithTierMedium adds the label "tier_medium" to every series with the label "tier". It
// tells tiers apart by what they are made of, whatever their index and type:
//
//   - "device", the memory of an accelerator
//   - "host", the memory of this host
//   - "disk", a file system or block device
//   - "remote", an object store or a cache service
//   - "p2p", the memory of a peer
//   - "unknown", which stands for anything else
//
// The function returns the medium of a tier from the tier's label. If it is nil or
// returns "", the type decides: the primary tier is in the host's memory, "fs" is a disk,
// "obj" is remote and "p2p" is a peer. The function is called once for each series. It
// must be safe for concurrent use, always return the same for a tier, and not use the
// recorder. vLLM has no such label.
func WithTierMedium(of func(tier string) string) Option {
	return func(c *config) {
		c.tierMedium = func(tier string) string {
			medium := mediumOf(tier)
			if of != nil {
				medium = cmp.Or(of(tier), medium)
			}
			if slices.Contains([]string{"device", "host", "disk", "remote", "p2p"}, medium) {
				return medium
			}
			return "unknown"
		}
	}
}

// mediumOf returns the medium of vLLM's own tiers.
func mediumOf(tier string) string {
	if tier == PrimaryTier {
		return "host"
	}
	_, kind, _ := strings.Cut(tier, ":")
	return map[string]string{"fs": "disk", "obj": "remote", "p2p": "p2p"}[kind]
}

// WithSeriesLimits sets how many series there may be: of one definition over all engines,
// which is 1,900 by default, and of the recorder, which is 50,000. Zero keeps a default,
// and a negative number means no limit. Past a limit, label values fold into [Other].
func WithSeriesLimits(definition, total int) Option {
	return func(c *config) {
		if definition != 0 {
			c.seriesLimit = definition
		}
		if total != 0 {
			c.totalLimit = total
		}
	}
}
