// SPDX-License-Identifier: Apache-2.0

package stats

import "fmt"

// Limits bound what a [Decoder] accepts from one input, including nested payloads. A
// field that is not positive stands for its default. The defaults are far above what
// vLLM sends. With them, decoding a hostile input allocates less than 192 MiB, and the
// payload holds less than 64 MiB of that.
type Limits struct {
	// Bytes bounds the encoded payload. Default 16 MiB.
	Bytes int
	// Metrics bounds the metrics. Default 4,096.
	Metrics int
	// Entries bounds the entries of all metrics, including bad ones. Default 65,536.
	Entries int
	// Samples bounds the samples of all histograms. Default 1,048,576.
	Samples int
	// LabelValues bounds the label values of one entry. Only an entry with more is left
	// out. Default 16.
	LabelValues int
	// LabelLength bounds the bytes of one label value, of a name, and of a value in the
	// info. Only what is longer is left out. Default 1,024.
	LabelLength int
	// Info bounds the series under "info", and the facts of each. Default 64.
	Info int
	// Connectors bounds the nested payloads. Stats of other connectors after the limit
	// are ignored under the name "other". Default 64.
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
