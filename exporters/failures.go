// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"sync/atomic"
	"time"

	"github.com/otelkv/otelkv-go/internal/reports"
)

// failures shorten the errors of one exporter, and limit the reports of them. A periodic
// reader reports the error of an export to the error handler of package otel. During
// ForceFlush and Shutdown it returns the error instead, so none may be left out then. The
// zero value is ready.
type failures struct {
	asking   atomic.Int64 // calls of ForceFlush and Shutdown in progress
	throttle reports.Throttle
}

// ask says that a caller waits for the errors of exports, until done is called.
func (f *failures) ask() (done func()) {
	f.asking.Add(1)
	return func() { f.asking.Add(-1) }
}

// asked reports whether a caller waits for the error of an export that begins now. A reader
// does not say why it exports, so asked is also true for a push at the interval during such
// a call. Its error is then reported too often.
func (f *failures) asked() bool { return f.asking.Load() > 0 }

// failed returns the error of an export for its reader: always if a caller waits for it,
// else only if it is to be reported.
func (f *failures) failed(err error, asked bool) error {
	const prefix = "otelkv: export: "
	if asked {
		return reports.Quote(prefix, err)
	}
	return f.throttle.Report(prefix, err, time.Now())
}
