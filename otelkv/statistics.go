// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"maps"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
)

// Statistics is what a recorder has counted of itself since it was created.
type Statistics struct {
	// Payloads is the number of payloads observed.
	Payloads int64
	// Rejected is the number of payload entries that were skipped, by the error that
	// their report wraps.
	Rejected map[error]int64
	// Ignored is the number of times that the stats of another connector came, by the
	// connector's name; see [stats.Payload.Ignored]. The recorder tells 64 names apart,
	// and counts the others as [Other].
	Ignored map[string]int64
	// Refused is the number of measurements that bound series did not take: NaN,
	// infinities, negative increments and samples, and those that exceed the number.
	Refused int64
	// Series is the number of series that exist now.
	Series int64
	// Folded is the number of times that label values were folded into [Other].
	Folded int64
	// Dropped is the number of removed series that were not reported once more, because
	// too many were removed between two collections.
	Dropped int64
	// ExportFailures is the number of exports that failed; see
	// [Recorder.CountExportFailure].
	ExportFailures int64
}

// Statistics returns what the recorder has counted of itself.
func (r *Recorder) Statistics() Statistics {
	r.countsMu.Lock()
	defer r.countsMu.Unlock()
	return Statistics{
		Payloads: r.payloads.Load(),
		Rejected: maps.Clone(r.rejected),
		Ignored:  maps.Clone(r.ignored),
		Refused:  r.refused.Load(),
		Series:   r.series.Load(),
		Folded:   r.folded.Load(),
		Dropped:  r.dropped.Load(),

		ExportFailures: r.failures.Load(),
	}
}

// A reason is why an entry is rejected: the error, and the label value in the
// self-metrics.
type reason struct {
	err   error
	label string
}

func reasons() []reason {
	return []reason{
		{ErrUnknownMetric, selfmetrics.ReasonUnknownMetric},
		{ErrWrongKind, selfmetrics.ReasonWrongKind},
		{ErrLabelValues, selfmetrics.ReasonLabelValues},
		{ErrNumber, selfmetrics.ReasonNumber},
		{ErrMirror, selfmetrics.ReasonMirror},
		{ErrUnknownEngine, selfmetrics.ReasonUnknownEngine},
		{ErrRemoved, selfmetrics.ReasonRemovedEngine},
	}
}

// reject counts a rejected entry by the error that its cause wraps.
func (r *Recorder) reject(cause error) {
	for _, reason := range reasons() {
		if errors.Is(cause, reason.err) {
			r.countsMu.Lock()
			defer r.countsMu.Unlock()
			r.rejected[reason.err]++
			return
		}
	}
}

// ignore counts the stats of another connector by the connector's name.
func (r *Recorder) ignore(connector string, n int64) {
	r.countsMu.Lock()
	defer r.countsMu.Unlock()
	if _, known := r.ignored[connector]; !known && (len(r.ignored) >= maxConnectors || checkLabelValue(connector) != nil) {
		connector = Other
	}
	r.ignored[connector] += n
}
