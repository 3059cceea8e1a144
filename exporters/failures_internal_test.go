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
	if err := f.report(cause, start.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "59 more times") {
		t.Errorf("after a minute: %v", err)
	}
	if err := f.report(cause, start.Add(time.Minute)); err != nil {
		t.Errorf("reported twice in the second minute: %v", err)
	}
	other := errors.New("other")
	if err := f.report(other, start.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "the failure before this one came 1 more times") {
		t.Errorf("another failure: %v", err)
	}
	port := func(n int) error { return fmt.Errorf("read tcp 127.0.0.1:%d: connection reset", n) }
	if f.report(port(40001), start.Add(2*time.Minute)) == nil || f.report(port(40002), start.Add(2*time.Minute)) != nil {
		t.Error("another port is another failure")
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
