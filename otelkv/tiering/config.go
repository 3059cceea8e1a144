// SPDX-License-Identifier: Apache-2.0

package tiering

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
)

// Config describes the tiers of one engine.
type Config struct {
	// SecondaryTiers are the types of the tiers below the primary, such as "fs", in the
	// order in which they are looked up. The first one has index 1 and the label "1:fs".
	// A type is the configured one, or the class name of a tier that is not part of vLLM.
	SecondaryTiers []string
	// PrimaryChunks is the number of chunks that the primary tier has room for. With 0
	// the usage fractions are 0.
	PrimaryChunks int
	// ChunkSize is the size of a chunk in the primary tier, in bytes.
	ChunkSize int64
	// StoreThreshold is the number of times that a chunk must be asked for before it is
	// stored. From 2 on, a [CPUPool] counts skipped stores. Below 2 nothing is skipped,
	// and the metric is not bound.
	StoreThreshold int
	// BackPressure has the detectors of secondary tiers, by the tier's index; see
	// [Tracker.AdmitStore]. [DefaultBackPressure] returns vLLM's parameters for a type of
	// tier, and [ParseBackPressure] reads vLLM's configuration.
	BackPressure map[int]BackPressure
	// MaxObservations bounds the lookups that a tracker remembers over all requests. Each
	// takes about 64 bytes. Past the bound the least recently used requests are
	// forgotten. A request that has more lookups on its own is observed up to the bound,
	// and counts as evicted. 0 stands for 1,048,576.
	MaxObservations int
}

// defaultMaxObservations is what a MaxObservations of 0 stands for.
const defaultMaxObservations = 1 << 20

// labels returns the labels of all tiers, the primary first. The error reports everything
// that is wrong with the configuration.
func (c Config) labels() ([]string, error) {
	labels := []string{tier.Primary}
	var errs []error
	for i, of := range c.SecondaryTiers {
		label, err := tier.Label(i+1, of)
		if err != nil {
			errs = append(errs, fmt.Errorf("otelkv: %w", err))
		}
		labels = append(labels, label)
	}
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"PrimaryChunks", int64(c.PrimaryChunks)},
		{"ChunkSize", c.ChunkSize},
		{"MaxObservations", int64(c.MaxObservations)},
	} {
		if field.value < 0 {
			errs = append(errs, fmt.Errorf("otelkv: tiering: %s is %d, expected at least 0", field.name, field.value))
		}
	}
	for _, index := range slices.Sorted(maps.Keys(c.BackPressure)) {
		if index < 1 || index > len(c.SecondaryTiers) {
			errs = append(errs, fmt.Errorf("otelkv: tiering: back-pressure for tier %d, expected a secondary tier, 1 to %d",
				index, len(c.SecondaryTiers)))
			continue
		}
		errs = append(errs, c.BackPressure[index].validate(index))
	}
	return labels, errors.Join(errs...)
}
