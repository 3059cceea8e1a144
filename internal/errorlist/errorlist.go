// SPDX-License-Identifier: Apache-2.0

// Package errorlist joins a bounded number of errors, so that hostile input cannot make a
// report of any length.
package errorlist

import (
	"errors"
	"fmt"
)

// max is the number of errors that a list shows.
const max = 64

// A List collects errors. The zero value is empty.
type List struct {
	errs []error
	more int
}

// Add adds err, unless it is nil.
func (l *List) Add(err error) {
	switch {
	case err == nil:
	case len(l.errs) == max:
		l.more++
	default:
		l.errs = append(l.errs, err)
	}
}

// Join returns the errors as one, as errors.Join does. The last one says how many more
// there were. It returns nil for an empty list.
func (l *List) Join() error {
	if l.more > 0 {
		return errors.Join(append(l.errs, fmt.Errorf("otelkv: and %d more", l.more))...)
	}
	return errors.Join(l.errs...)
}
