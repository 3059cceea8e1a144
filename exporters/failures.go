// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"sync/atomic"
	"time"

	"github.com/otelkv/otelkv-go/internal/reports"
)

// failures make the errors of one exporter short, and the reports of them few. A periodic
// reader reports the error of an export to the error handler of package otel, unless it
// exports for ForceFlush or Shutdown: it returns the error then, and every one counts. The
// zero value is ready.
type failures struct {
	asking   atomic.Int64 // calls of ForceFlush and Shutdown under way
	throttle reports.Throttle
}

// ask says that somebody waits for the errors of exports, until done is called.
func (f *failures) ask() (done func()) {
	f.asking.Add(1)
	return func() { f.asking.Add(-1) }
}

// asked reports whether somebody waits for the error of an export that begins now. A reader
// does not tell for whom it exports, so that a push at the interval may count as well. Its
// error is then one report more than there should be.
func (f *failures) asked() bool { return f.asking.Load() > 0 }

// failed returns the error of an export as its reader should see it: always, for somebody
// who waits for it, or else if it is to be reported.
func (f *failures) failed(err error, asked bool) error {
	const prefix = "otelkv: export: "
	if asked {
		return reports.Quote(prefix, err)
	}
	return f.throttle.Report(prefix, err, time.Now())
}
