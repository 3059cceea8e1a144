package exporters

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxErrorText bounds the bytes of an export's error. A collector writes much of it.
	maxErrorText = 512
	// repeatEvery is how often a failure that goes on is reported.
	repeatEvery = time.Minute
)

// failures make the errors of one exporter short, and the reports of them few. A periodic
// reader reports the error of an export to the error handler of package otel, unless it
// exports for ForceFlush or Shutdown: it returns the error then, and every one counts. The
// zero value is ready.
type failures struct {
	asking atomic.Int64 // calls of ForceFlush and Shutdown under way

	mu       sync.Mutex
	last     string // the text of the last report, without digits
	reported time.Time
	repeated int // how often the same failure came since then
}

// An exportError has a text that cannot forge or flood a log, and wraps its cause.
type exportError struct {
	text  string
	cause error
}

func (e *exportError) Error() string { return e.text }
func (e *exportError) Unwrap() error { return e.cause }

// ask says that somebody waits for the errors of exports, until done is called.
func (f *failures) ask() (done func()) {
	f.asking.Add(1)
	return func() { f.asking.Add(-1) }
}

// asked reports whether somebody waits for the error of an export that begins now.
func (f *failures) asked() bool { return f.asking.Load() > 0 }

// returned returns an error for somebody who waits for it.
func (f *failures) returned(err error) error {
	return &exportError{text: "otelkv: export: " + shortened(err), cause: err}
}

// report returns the error to report for a failure, or nil if the same one was
// reported within the last minute. Failures are the same if their texts differ in digits
// only. The next report says how many were left out.
func (f *failures) report(err error, now time.Time) error {
	text := shortened(err)
	// Ports and times differ each time.
	key := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, text)
	f.mu.Lock()
	defer f.mu.Unlock()
	same := key == f.last
	if same && now.Sub(f.reported) < repeatEvery {
		f.repeated++
		return nil
	}
	e := &exportError{text: "otelkv: export: " + text, cause: err}
	switch {
	case f.repeated > 0 && same:
		e.text += fmt.Sprintf(" (and %d more times since the last report)", f.repeated)
	case f.repeated > 0:
		e.text += fmt.Sprintf(" (the failure before this one came %d more times)", f.repeated)
	}
	f.last, f.reported, f.repeated = key, now, 0
	return e
}

// shortened returns the error's text, cut and quoted.
func shortened(err error) string {
	text := err.Error()
	if len(text) <= maxErrorText {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:maxErrorText], ""))
}
