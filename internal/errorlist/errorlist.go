// SPDX-License-Identifier: Apache-2.0

// Package errorlist joins errors up to a limit, so that hostile input cannot make an error
// of any size. It also splits joined errors.
package errorlist

import (
	"errors"
	"fmt"
	"strings"
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

// Join joins the errors, as errors.Join does. If there were more than the limit, the last
// one says how many. It returns nil for an empty list.
func (l *List) Join() error {
	if l.more > 0 {
		return errors.Join(append(l.errs, fmt.Errorf("otelkv: and %d more", l.more))...)
	}
	return errors.Join(l.errs...)
}

// Each returns the errors that err joins, at any depth. An error whose text is one line
// is returned as it is, even if it wraps several.
func Each(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.Contains(err.Error(), "\n") {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Each(e)...)
	}
	return all
}
