// SPDX-License-Identifier: Apache-2.0

package errorlist

import "strings"

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
