// SPDX-License-Identifier: Apache-2.0

package reports_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/reports"
)

const prefix = "otelkv: export: "

func TestReportsAreShortAndFew(t *testing.T) {
	var throttle reports.Throttle
	start := time.Now()
	report := func(err error, at time.Time) error { return throttle.Report(prefix, err, at) }
	cause := errors.New("body: \n2026 ERROR forged \x1b[2J" + strings.Repeat("\u00e9", 1<<20))
	for _, err := range []error{report(cause, start), reports.Quote(prefix, cause)} {
		text := err.Error()
		if len(text) > 2*reports.MaxText || strings.ContainsAny(text, "\n\x1b") || !strings.HasPrefix(text, prefix+`"body: \n2026`) || !errors.Is(err, cause) {
			t.Errorf("%d bytes: %.600s", len(text), text)
		}
	}
	for i := range 59 {
		if err := report(cause, start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatalf("reported again after %d s: %v", i, err)
		}
	}
	next := start.Add(time.Minute)
	if err := report(cause, next); err == nil || !strings.HasSuffix(err.Error(), "(59 more since the last report)") {
		t.Errorf("after a minute: %v", err)
	}
	other := errors.New("other")
	for i, want := range []bool{true, false} {
		if got := report(other, next) != nil; got != want {
			t.Errorf("another error, time %d: reported is %t", i, got)
		}
	}
	port := func(n int) error { return fmt.Errorf("read tcp 127.0.0.1:%d: connection reset", n) }
	if report(port(40001), next) == nil || report(port(40002), next) != nil {
		t.Error("another port is another error")
	}
	if report(cause, next) != nil {
		t.Error("an error that alternates with others is reported twice in a minute")
	}
	reported := 0
	for i := range 100 {
		if report(errors.New(strings.Repeat("x", i+1)), next) != nil {
			reported++
		}
	}
	if reported != 5 {
		t.Errorf("%d more reports in one minute, want 5", reported)
	}
}
