// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/otelkv/otelkv-go/schema/selfmetrics"
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
	return Statistics{
		Payloads: r.payloads.Load(),
		Rejected: r.rejected.byReason(),
		Ignored:  r.ignored.byName(),
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

// ignored counts the stats of other connectors by name.
type ignored struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (i *ignored) count(name string, n int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, known := i.counts[name]; !known && (len(i.counts) >= maxConnectors || checkLabelValue(name) != nil) {
		name = Other
	}
	if i.counts == nil {
		i.counts = make(map[string]int64)
	}
	i.counts[name] += n
}

func (i *ignored) byName() map[string]int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.counts == nil {
		return map[string]int64{}
	}
	return maps.Clone(i.counts)
}
