// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"fmt"
	"slices"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// Trackers are the trackers of one engine, which know vLLM's rules of what counts
// when.
type Trackers struct {
	// Connector records lookups and failed allocations.
	Connector *connector.Tracker
	// Transfers records copies to and from the GPU.
	Transfers *connector.Transfers
	// Pool records how the primary tier's memory is used.
	Pool *tiering.CPUPool
	// Tiering records lookups in tiers, promotions and cascades. It is nil where the
	// catalogue has no metrics of tiers, as vllm.CPUSpec.
	Tiering *tiering.Tracker
}

// Trackers returns trackers that record to the engine's series. The secondary tiers
// are those of [WithTiers], and the configuration need not repeat them. With
// connector.WithBinder(nil) the trackers fill payloads instead, for a service that
// has more to do with them than [Engine.Observe].
//
// The error names every metric that the recorder's catalogue lacks, and the
// catalogue of vLLM that has it.
func (e *Engine) Trackers(config tiering.Config, opts ...connector.Option) (*Trackers, error) {
	declared := e.tierTypes()
	if config.SecondaryTiers != nil && !slices.Equal(config.SecondaryTiers, declared) {
		return nil, fmt.Errorf("otelkv: engine %d: %w: secondary tiers %q are not the engine's %q",
			e.index, ErrLabelValues, config.SecondaryTiers, declared)
	}
	config.SecondaryTiers = declared
	opts = append([]connector.Option{connector.WithBinder(e.Binder())}, opts...)
	var t Trackers
	var errs [4]error
	t.Connector, errs[0] = connector.NewTracker(opts...)
	t.Transfers, errs[1] = connector.NewTransfers(opts...)
	t.Pool, errs[2] = tiering.NewCPUPool(config, opts...)
	if len(declared) > 0 || e.recorder.byName[vllm.TieringChunkQueries.PrometheusName] != nil {
		t.Tiering, errs[3] = tiering.NewTracker(config, opts...)
	}
	if errs[2] != nil && errs[3] != nil && errs[2].Error() == errs[3].Error() {
		errs[3] = nil // both say what is wrong with the configuration
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return &t, nil
}
