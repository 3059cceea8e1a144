// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"errors"
	"fmt"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// Reasons for leaving out an entry. An [EntryError] wraps one of them.
var (
	// ErrKind says that a metric has another kind than the requested one, or that a
	// payload declares no valid kind for it.
	ErrKind = schema.ErrWrongKind
	// ErrNumber says that a value is not a number, that a gauge or counter has a list
	// or a histogram has none, that a number is beyond int64 or float64, or that a
	// counter cannot be incremented by it.
	ErrNumber = errors.New("bad number")
	// ErrLabelValues says that the label values are too many or too few, that one is
	// not a string, or that a payload holds the same label values twice.
	ErrLabelValues = errors.New("bad label values")
	// ErrUTF8 says that a name or a label value is not valid UTF-8.
	ErrUTF8 = errors.New("not valid UTF-8")
)

// errDuplicate says that a payload holds the same label values twice.
var errDuplicate = fmt.Errorf("%w: the entry occurs twice", ErrLabelValues)

// Reasons for refusing an encoded payload as a whole. A [DecodeError] wraps one of
// them. Inside an [EntryError], ErrTooLarge says that a name or label value is over its
// limit, and ErrMalformed that an entry has no labels or no value.
var (
	// ErrTruncated says that the input ends in the middle of the payload.
	ErrTruncated = errors.New("truncated")
	// ErrMalformed says that the input is neither JSON nor MessagePack, or is not a
	// payload.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge says that the input is over one of the [Limits].
	ErrTooLarge = errors.New("too large")
)

// An EntryError says what is wrong with one entry, or with a metric, a connector or the
// info as a whole. What it names was left out, and everything else was kept. Functions
// join several of them.
type EntryError struct {
	// Connector names the nested payload, or is empty.
	Connector string
	// Metric is the metric's name, or empty where the error concerns no metric.
	Metric string
	// LabelValues are the label values of the entry. They are empty for an entry without
	// labels, and if the error concerns the metric as a whole. If a label value is bad,
	// they are those before it.
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

// A DecodeError says why an input was refused as a whole.
type DecodeError struct {
	// Offset is the position in the input at which decoding stopped, in bytes.
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
	// maxQuoted bounds the bytes of one text from the input that an error shows.
	maxQuoted = 64
	// maxQuotedLabels bounds the label values that an error shows.
	maxQuotedLabels = 8
)

// quote returns s as a Go string literal, shortened, so that a hostile value can
// neither forge a line of a log nor flood it.
func quote[S ~string | ~[]byte](s S) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q...", string(s[:maxQuoted]))
	}
	return fmt.Sprintf("%q", string(s))
}
