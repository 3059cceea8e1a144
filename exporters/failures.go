package exporters

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// maxErrorText bounds the bytes of an export's error. A collector writes much of it.
	maxErrorText = 512
	// repeatEvery is how often a failure that goes on is reported.
	repeatEvery = time.Minute
)

// failures keep the reports of one exporter short and few. The zero value is ready.
type failures struct {
	mu       sync.Mutex
	last     string // the text of the last failure
	reported time.Time
	repeated int // how often it came since then
	asked    int // calls under way whose caller wants the error
}

// An exportError has a text that cannot forge or flood a log, and wraps its cause.
type exportError struct {
	text  string
	cause error
}

func (e *exportError) Error() string { return e.text }
func (e *exportError) Unwrap() error { return e.cause }

// ask makes report return every failure until the returned function is called.
func (f *failures) ask() (done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked--
	}
}

// report returns the error to report for a failure, or nil where the same one was
// reported within the last minute. Such failures are counted in the next report.
func (f *failures) report(err error, now time.Time) error {
	text := shortened(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	same := text == f.last
	if same && f.asked == 0 && now.Sub(f.reported) < repeatEvery {
		f.repeated++
		return nil
	}
	e := &exportError{text: "otelkv: export: " + text, cause: err}
	switch {
	case f.repeated > 0 && same:
		e.text += fmt.Sprintf(" (%d more times since the last report)", f.repeated)
	case f.repeated > 0:
		e.text += fmt.Sprintf(" (the failure before this came %d more times)", f.repeated)
	}
	f.last, f.reported, f.repeated = text, now, 0
	return e
}

// shortened returns the error's text, quoted and cut.
func shortened(err error) string {
	text := err.Error()
	if len(text) <= maxErrorText {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:maxErrorText], ""))
}
