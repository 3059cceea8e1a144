// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"errors"
	"fmt"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// What is wrong with an entry. An [EntryError] wraps one of them.
var (
	// ErrKind says that a metric has another kind than the one asked for, or that
	// a payload gives no valid kind for it.
	ErrKind = schema.ErrWrongKind
	// ErrNumber says that a value is no number, a list where one number is due or
	// the reverse, beyond int64 or float64, or no legal increment.
	ErrNumber = errors.New("bad number")
	// ErrLabelValues says that the label values are too many or too few, that one is
	// not a string, or that a payload holds the same label values twice.
	ErrLabelValues = errors.New("bad label values")
	// ErrUTF8 says that a name or a label value is not valid UTF-8.
	ErrUTF8 = errors.New("not valid UTF-8")
)

// errDuplicate says that a payload holds the same label values twice.
var errDuplicate = fmt.Errorf("%w: there twice", ErrLabelValues)

// What is wrong with an encoded payload as a whole. A [DecodeError] wraps one of
// them. Inside an [EntryError], ErrTooLarge stands for a name or label value over
// its limit, and ErrMalformed for an entry without labels or value.
var (
	// ErrTruncated says that the input ends in the middle of the payload.
	ErrTruncated = errors.New("truncated")
	// ErrMalformed says that the input is not the codec's format, or not a payload.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge says that the input goes over one of the [Limits].
	ErrTooLarge = errors.New("too large")
)

// An EntryError says what is wrong with one entry, or with a metric, a connector
// or the info as a whole.
// The entry was left out; everything else was kept. Functions that meet several
// return them joined.
type EntryError struct {
	// Connector names the nested payload, or is empty.
	Connector string
	// Metric is the metric's name, or empty where the error concerns no metric.
	Metric string
	// LabelValues are the entry's. They are empty for an unlabelled entry and where
	// the error concerns the metric as a whole; of label values that are bad
	// themselves, they are those that could be read.
	LabelValues []string
	// Err is the reason. It wraps [ErrKind] or one of its siblings.
	Err error
}

// Error names the connector, the metric and the label values, quoted and
// shortened, and the reason.
func (e *EntryError) Error() string {
	var text strings.Builder
	text.WriteString("otelkv: ")
	if e.Connector != "" {
		fmt.Fprintf(&text, "connector %s: ", quote(e.Connector))
	}
	if e.Metric != "" {
		fmt.Fprintf(&text, "metric %s: ", quote(e.Metric))
	}
	if len(e.LabelValues) > 0 {
		text.WriteString("labels [")
		for i, v := range e.LabelValues {
			if i > 0 {
				text.WriteByte(' ')
			}
			if i == maxQuotedLabels {
				text.WriteString("...")
				break
			}
			text.WriteString(quote(v))
		}
		text.WriteString("]: ")
	}
	text.WriteString(e.Err.Error())
	return text.String()
}

// Unwrap returns the reason.
func (e *EntryError) Unwrap() error { return e.Err }

// A DecodeError says why an input gave no payload at all.
type DecodeError struct {
	// Offset is the position in the input, in bytes, at which decoding stopped.
	Offset int
	// Err is the reason. It wraps [ErrTruncated], [ErrMalformed] or [ErrTooLarge].
	Err error
}

// Error names the offset and the reason.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("otelkv: payload at byte %d: %v", e.Offset, e.Err)
}

// Unwrap returns the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

const (
	// maxQuoted bounds the bytes of foreign text that an error shows.
	maxQuoted = 64
	// maxQuotedLabels bounds the label values that an error shows.
	maxQuotedLabels = 8
)

// quote returns s as a Go string literal, shortened, so that a hostile value
// cannot forge a line of a log or fill it.
func quote[S ~string | ~[]byte](s S) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q...", string(s[:maxQuoted]))
	}
	return fmt.Sprintf("%q", string(s))
}
