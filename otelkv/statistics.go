package otelkv

import (
	"errors"
	"sync/atomic"

	"github.com/otelkv/otelkv-go/schema/selfmetrics"
)

// Statistics is what a recorder counts of itself since it was made.
type Statistics struct {
	// Payloads is the number of payloads observed.
	Payloads int64
	// Rejected is the number of payload entries that were skipped, by the error
	// that their report wraps.
	Rejected map[error]int64
	// Refused is the number of measurements of bound series that were not taken:
	// NaN, infinite, negative where they add, or past what the number can hold.
	Refused int64
	// Series is the number of series that exist now.
	Series int64
	// Folded is the number of times that label values were folded into [Other].
	Folded int64
}

// Statistics returns what the recorder has counted of itself.
func (r *Recorder) Statistics() Statistics {
	return Statistics{
		Payloads: r.payloads.Load(),
		Rejected: r.rejected.byReason(),
		Refused:  r.refused.Load(),
		Series:   r.series.Load(),
		Folded:   r.folded.Load(),
	}
}

// A reason is an error that entries are rejected for, and its label in the
// self-metrics.
type reason struct {
	err   error
	label string
}

func reasons() [7]reason {
	return [7]reason{
		{ErrUnknownMetric, selfmetrics.ReasonUnknownMetric},
		{ErrWrongKind, selfmetrics.ReasonWrongKind},
		{ErrLabelValues, selfmetrics.ReasonLabelValues},
		{ErrNumber, selfmetrics.ReasonNumber},
		{ErrMirror, selfmetrics.ReasonMirror},
		{ErrUnknownEngine, selfmetrics.ReasonUnknownEngine},
		{ErrRemoved, selfmetrics.ReasonRemovedEngine},
	}
}

// rejections counts by reason.
type rejections [7]atomic.Int64

func (r *rejections) count(cause error) {
	for i, reason := range reasons() {
		if errors.Is(cause, reason.err) {
			r[i].Add(1)
			return
		}
	}
}

func (r *rejections) byReason() map[error]int64 {
	counts := make(map[error]int64)
	for i, reason := range reasons() {
		if n := r[i].Load(); n > 0 {
			counts[reason.err] = n
		}
	}
	return counts
}
