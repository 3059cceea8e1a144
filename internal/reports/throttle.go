// SPDX-License-Identifier: Apache-2.0

// Package reports keeps reports short and few whose text or number somebody else decides:
// a collector that answers with an error, or a client that connects again and again.
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
	// repeatEvery is how often an error that goes on is reported.
	repeatEvery = time.Minute
	// maxReports is how many different errors are reported within that time.
	maxReports = 8
)

// quoted has a text that cannot forge or flood a log, and wraps its cause.
type quoted struct {
	text  string
	cause error
}

func (e *quoted) Error() string { return e.text }
func (e *quoted) Unwrap() error { return e.cause }

// Quote returns err with its text cut and quoted, behind a prefix.
func Quote(prefix string, err error) error { return &quoted{prefix + shorten(err), err} }

func shorten(err error) string {
	text := err.Error()
	if len(text) <= MaxText {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:MaxText], ""))
}

// A Throttle makes reports few. The zero value is ready. It is safe for concurrent use.
type Throttle struct {
	mu       sync.Mutex
	reported map[string]time.Time // the texts of reports within repeatEvery, without digits
	omitted  int                  // since the last report
}

// Report returns what to report for err, quoted as by [Quote], or nil if the same one was
// reported within the last minute, or eight others. Errors are the same if their texts
// differ in digits only, as those with ports and times do. The next report says how many
// were left out.
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
