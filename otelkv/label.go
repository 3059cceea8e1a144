package otelkv

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/otelkv/stats"
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

// checkTiers reports labels that name no tier. An empty label would read as a
// missing one.
func checkTiers(tiers []string) error {
	var errs []error
	for _, tier := range tiers {
		err := checkLabelValue(tier)
		if tier == "" {
			err = fmt.Errorf("%w: it is empty", ErrLabelValues)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("tier %.32q: %w", tier, err))
		}
	}
	return errors.Join(errs...)
}
