package otelkv

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxLabelLength is the length in bytes up to which a label value is taken.
const MaxLabelLength = 1024

// checkLabelValue reports a label value that cannot be exported.
func checkLabelValue(value string) error {
	if len(value) > MaxLabelLength {
		return fmt.Errorf("%w: %.32q... has %d bytes: at most %d are taken", ErrLabelValue, value, len(value), MaxLabelLength)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: %.64q is not valid UTF-8", ErrLabelValue, value)
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
			err = fmt.Errorf("%w: it is empty", ErrLabelValue)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("tier %.32q: %w", tier, err))
		}
	}
	return errors.Join(errs...)
}
