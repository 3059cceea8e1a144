// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// What can be wrong with a measurement. Every error that names one metric is a
// [stats.EntryError] that wraps one of these. Where the reason is the same, the
// value is that of package stats or schema.
var (
	// ErrUnknownMetric says that the catalogue has no metric of the name.
	ErrUnknownMetric = schema.ErrUnknownMetric
	// ErrWrongKind says that the metric is of another kind or number.
	ErrWrongKind = schema.ErrWrongKind
	// ErrLabelValues says that there are more or fewer label values than the metric
	// has label names, or that one is too long or no valid UTF-8.
	ErrLabelValues = stats.ErrLabelValues
	// ErrNumber says that a value is NaN, infinite, a negative increment, or no
	// whole number where the metric counts in int64.
	ErrNumber = stats.ErrNumber
	// ErrLabelName says that a label cannot have the name.
	ErrLabelName = errors.New("bad label name")
	// ErrLabelTwice says that two labels of one series have the same name.
	ErrLabelTwice = errors.New("label name used twice")
	// ErrBoundaries says that a source's buckets cannot become a histogram's.
	ErrBoundaries = errors.New("boundaries do not fit")
	// ErrMirror says that the metric repeats others and cannot be recorded to.
	ErrMirror = errors.New("a mirror cannot be recorded to")
	// ErrUnknownEngine says that no engine of the index was declared.
	ErrUnknownEngine = errors.New("unknown engine")
	// ErrEngineIndex says that an engine's index is negative.
	ErrEngineIndex = errors.New("expected an index that is not negative")
	// ErrEngineExists says that an engine of the index is declared already.
	ErrEngineExists = errors.New("engine exists")
	// ErrRemoved says that the engine was removed.
	ErrRemoved = errors.New("engine was removed")
	// ErrClosed says that the recorder was closed.
	ErrClosed = errors.New("recorder was closed")
)
