// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"errors"
	"testing"
)

// TestWhoAsksIsTold tests that a caller who waits for errors gets each of them, and that
// this does not change the reports.
func TestWhoAsksIsTold(t *testing.T) {
	var f failures
	failure := errors.New("no")
	done := f.ask()
	for range 3 {
		if err := f.failed(failure, f.asked()); !errors.Is(err, failure) {
			t.Errorf("who asks is told %v", err)
		}
	}
	done()
	if err := f.failed(failure, f.asked()); !errors.Is(err, failure) {
		t.Errorf("the first report is %v", err)
	}
	if err := f.failed(failure, f.asked()); err != nil {
		t.Errorf("reported twice: %v", err)
	}
}
