// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// The reasons why a recorder takes no measurement, no payload entry or no engine. An
// error that concerns one metric is a [stats.EntryError] that wraps one of them. If
// package stats or schema has the same reason, it is the same value.
var (
	// ErrUnknownMetric says that the catalogue has no metric of the name.
	ErrUnknownMetric = schema.ErrUnknownMetric
	// ErrWrongKind says that the metric is of another kind or number.
	ErrWrongKind = schema.ErrWrongKind
	// ErrLabelValues says that there are more or fewer label values than the metric has
	// label names, or that one is longer than 1,024 bytes or not valid UTF-8.
	ErrLabelValues = stats.ErrLabelValues
	// ErrNumber says that a value is NaN, infinite, a negative increment, or not a whole
	// number although the metric counts in int64.
	ErrNumber = stats.ErrNumber
	// ErrMirror says that the metric repeats others and cannot be recorded to.
	ErrMirror = errors.New("a mirror cannot be recorded to")
	// ErrUnknownEngine says that there is no engine with the index.
	ErrUnknownEngine = errors.New("unknown engine")
	// ErrEngineExists says that there is an engine with the index or the labels already.
	ErrEngineExists = errors.New("engine exists")
	// ErrRemoved says that the engine was removed.
	ErrRemoved = errors.New("engine was removed")
)
