package exporters

import (
	"fmt"
	"maps"
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
	// maxReports is how many different failures are reported within that time.
	maxReports = 8
)

// failures make the errors of one exporter short, and the reports of them few. A periodic
// reader reports the error of an export to the error handler of package otel, unless it
// exports for ForceFlush or Shutdown: it returns the error then, and every one counts. The
// zero value is ready.
type failures struct {
	asking atomic.Int64 // calls of ForceFlush and Shutdown under way

	mu       sync.Mutex
	reported map[string]time.Time // the texts of reports within repeatEvery, without digits
	omitted  int                  // failures since the last report
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

// asked reports whether somebody waits for the error of an export that begins now. A reader
// does not tell for whom it exports, so that a push at the interval may count as well. Its
// error is then one report more than there should be.
func (f *failures) asked() bool { return f.asking.Load() > 0 }

// returned returns an error for somebody who waits for it.
func (f *failures) returned(err error) error {
	return &exportError{text: "otelkv: export: " + shortened(err), cause: err}
}

// report returns the error to report for a failure, or nil if the same one was
// reported within the last minute, or many others. Failures are the same if their texts
// differ in digits only. The next report says how many were left out.
func (f *failures) report(err error, now time.Time) error {
	text := shortened(err)
	key := withoutDigits(text) // ports and times differ each time
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.reported, func(_ string, at time.Time) bool { return now.Sub(at) >= repeatEvery })
	if _, ok := f.reported[key]; ok || len(f.reported) == maxReports {
		f.omitted++
		return nil
	}
	if f.reported == nil {
		f.reported = make(map[string]time.Time)
	}
	f.reported[key] = now
	e := &exportError{text: "otelkv: export: " + text, cause: err}
	if f.omitted > 0 {
		e.text += fmt.Sprintf(" (%d more failures since the last report)", f.omitted)
		f.omitted = 0
	}
	return e
}

func withoutDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, text)
}

// shortened returns the error's text, cut and quoted.
func shortened(err error) string {
	text := err.Error()
	if len(text) <= maxErrorText {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:maxErrorText], ""))
}
