package exporters

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestReportsAreShortAndFew(t *testing.T) {
	var f failures
	start := time.Now()
	cause := errors.New("body: \n2026 ERROR forged \x1b[2J" + strings.Repeat("\u00e9", 1<<20))
	first := f.report(cause, start)
	for _, err := range []error{first, f.returned(cause)} {
		if text := err.Error(); len(text) > 4*maxErrorText || strings.ContainsAny(text, "\n\x1b") || !errors.Is(err, cause) {
			t.Errorf("%d bytes: %.600s", len(text), text)
		}
	}
	for i := range 59 {
		if err := f.report(cause, start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatalf("reported again after %d s: %v", i, err)
		}
	}
	next := start.Add(time.Minute)
	if err := f.report(cause, next); err == nil || !strings.Contains(err.Error(), "59 more failures") {
		t.Errorf("after a minute: %v", err)
	}
	other := errors.New("other")
	for i, want := range []bool{true, false} {
		if got := f.report(other, next) != nil; got != want {
			t.Errorf("another failure, time %d: reported is %t", i, got)
		}
	}
	port := func(n int) error { return fmt.Errorf("read tcp 127.0.0.1:%d: connection reset", n) }
	if f.report(port(40001), next) == nil || f.report(port(40002), next) != nil {
		t.Error("another port is another failure")
	}
	if f.report(cause, next) != nil {
		t.Error("a failure that alternates with others is reported twice in a minute")
	}
	reported := 0
	for i := range 100 {
		if f.report(errors.New(strings.Repeat("x", i+1)), next) != nil {
			reported++
		}
	}
	if reported != maxReports-3 {
		t.Errorf("%d more reports in one minute, want %d", reported, maxReports-3)
	}
	// What somebody is told is no report: the next one still comes.
	var asked failures
	done := asked.ask()
	if !asked.asked() || asked.returned(other) == nil {
		t.Error("who asks is not told")
	}
	done()
	if asked.asked() {
		t.Error("asked when nobody does")
	}
	if err := asked.report(other, start); err == nil {
		t.Error("the first report is left out")
	}
}
