// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

// Limits bound what a [Decoder] takes from one input, nested payloads included. A
// field that is not positive stands for its default. The defaults are far above what
// vLLM sends, and let a hostile input take some tens of megabytes at the most.
type Limits struct {
	// Bytes bounds the encoded payload. Default 16 MiB.
	Bytes int
	// Metrics bounds the metrics. Default 4,096.
	Metrics int
	// Entries bounds the entries of all metrics, bad ones included. Default 65,536.
	Entries int
	// Samples bounds the samples of all histograms. Default 1,048,576.
	Samples int
	// LabelValues bounds the label values of one entry, which alone is left out if
	// it has more. Default 16.
	LabelValues int
	// LabelLength bounds the bytes of one label value, name or value of the info,
	// each of which alone is left out if it is longer. Default 1,024.
	LabelLength int
	// Info bounds the series under "info", and the facts of each. Default 64.
	Info int
	// Connectors bounds the nested payloads. What other connectors sent past the
	// limit is ignored without their names. Default 64.
	Connectors int
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Bytes:       orDefault(l.Bytes, 16<<20),
		Metrics:     orDefault(l.Metrics, 4096),
		Entries:     orDefault(l.Entries, 65536),
		Samples:     orDefault(l.Samples, 1<<20),
		LabelValues: orDefault(l.LabelValues, 16),
		LabelLength: orDefault(l.LabelLength, 1024),
		Info:        orDefault(l.Info, 64),
		Connectors:  orDefault(l.Connectors, 64),
	}
}

func orDefault(limit, fallback int) int {
	if limit > 0 {
		return limit
	}
	return fallback
}

// count adds one to n, and fails if that is beyond the limit.
func (r *reader) count(n *int, limit int, what string) bool {
	*n++
	if *n <= limit {
		return true
	}
	r.fail(fmt.Errorf("%w: more than %d %s", ErrTooLarge, limit, what))
	return false
}
