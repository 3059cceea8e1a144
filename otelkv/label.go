// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/otelkv/internal/tier"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// MaxLabelLength is the length in bytes up to which a label value is taken.
const MaxLabelLength = 1024

// checkLabelValue reports a label value that cannot be exported.
func checkLabelValue(value string) error {
	if len(value) > MaxLabelLength {
		return fmt.Errorf("%w: %.32q...: %w: it has %d bytes, at most %d are taken",
			ErrLabelValues, value, stats.ErrTooLarge, len(value), MaxLabelLength)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %.64q: %w", ErrLabelValues, value, stats.ErrUTF8)
	}
	return nil
}

// tierLabels returns the labels of secondary tiers of the given types. The error names
// every type that is none.
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

// checkMedium reports a medium that mirrors cannot name. One under which two
// metrics would be mirrored as the same series is among them: with "GPU", loads
// and stores would both be GPU_to_GPU.
func checkMedium(medium string, metrics []*recorderMetric) error {
	err := checkLabelValue(medium)
	if medium == "" {
		err = fmt.Errorf("%w: it is empty", ErrLabelValues)
	}
	errs := []error{err}
	for _, m := range metrics {
		seen := make(map[string]bool)
		for _, mirror := range m.definition.Mirrors {
			values := withMedium(mirror.LabelValues, medium)
			key := string(tuple.Append(nil, values))
			if seen[key] {
				errs = append(errs, fmt.Errorf("%w: two metrics would be mirrored as %s with the label values %q",
					ErrLabelValues, m.definition.PrometheusName, values))
			}
			seen[key] = true
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("medium %.32q: %w", medium, err)
	}
	return nil
}

// withMedium returns a mirror's label values as they are for an engine.
func withMedium(labelValues []string, medium string) []string {
	values := make([]string, len(labelValues))
	for i, v := range labelValues {
		values[i] = strings.ReplaceAll(v, schema.Medium, medium)
	}
	return values
}
