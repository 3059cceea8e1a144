// SPDX-License-Identifier: Apache-2.0

// Package reports limits the size and number of error reports that others can cause: a
// collector that answers with an error, or a client that connects again and again.
package reports

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	// MaxText bounds the bytes of an error's text, before it is quoted.
	MaxText = 512
	// repeatEvery is how often the same error is reported.
	repeatEvery = time.Minute
	// maxReports is how many different errors are reported in that time.
	maxReports = 8
)

// A quoted error has a text that cannot forge or flood a log. It wraps its cause.
type quoted struct {
	text  string
	cause error
}

func (e *quoted) Error() string { return e.text }
func (e *quoted) Unwrap() error { return e.cause }

// Quote returns err with its text shortened and quoted, after a prefix.
func Quote(prefix string, err error) error { return &quoted{prefix + shorten(err), err} }

func shorten(err error) string {
	text := err.Error()
	if len(text) <= MaxText {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:MaxText], ""))
}

// A Throttle limits the number of reports. The zero value is ready. It is safe for
// concurrent use.
type Throttle struct {
	mu       sync.Mutex
	reported map[string]time.Time // the texts of reports within repeatEvery, without digits
	omitted  int                  // since the last report
}

// Report returns an error to report for err, quoted as by [Quote]. It returns nil if the
// same error, or eight others, were reported within the last minute. Errors are the same if
// their texts only differ in digits, such as ports and times. The next report says how many
// errors were not reported.
func (t *Throttle) Report(prefix string, err error, now time.Time) error {
	text := shorten(err)
	key := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, text)
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.reported, func(_ string, at time.Time) bool { return now.Sub(at) >= repeatEvery })
	if _, ok := t.reported[key]; ok || len(t.reported) == maxReports {
		t.omitted++
		return nil
	}
	if t.reported == nil {
		t.reported = make(map[string]time.Time)
	}
	t.reported[key] = now
	e := &quoted{prefix + text, err}
	if t.omitted > 0 {
		e.text += fmt.Sprintf(" (%d more since the last report)", t.omitted)
		t.omitted = 0
	}
	return e
}
