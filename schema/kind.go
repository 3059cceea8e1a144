// SPDX-License-Identifier: Apache-2.0

package schema

import "fmt"

// Kind tells how the measurements of a metric are aggregated.
type Kind uint8

// The kinds of vLLM's offloading metrics. The zero Kind is invalid.
const (
	// KindCounter is a sum that only grows.
	KindCounter Kind = iota + 1
	// KindGauge is the last value recorded.
	KindGauge
	// KindHistogram is a distribution over explicit boundaries.
	KindHistogram
)

// String returns the word that payloads use for the kind: counter, gauge or
// histogram.
func (k Kind) String() string {
	switch k {
	case KindCounter:
		return "counter"
	case KindGauge:
		return "gauge"
	case KindHistogram:
		return "histogram"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// NumberKind is the type of a metric's values.
type NumberKind uint8

// The number kinds. Bytes and counts are int64. Seconds, fractions and all samples of
// histograms are float64.
const (
	NumberKindInt64 NumberKind = iota + 1
	NumberKindFloat64
)

// String returns int64 or float64.
func (n NumberKind) String() string {
	switch n {
	case NumberKindInt64:
		return "int64"
	case NumberKindFloat64:
		return "float64"
	}
	return fmt.Sprintf("NumberKind(%d)", uint8(n))
}

// Stability tells how much a metric may still change, in the words of
// OpenTelemetry's semantic conventions.
type Stability uint8

// The stability levels. The zero Stability is Development.
const (
	// StabilityDevelopment: any release may change or remove the metric.
	StabilityDevelopment Stability = iota
	// StabilityStable: if the metric gets another name, a mirror keeps the old one.
	StabilityStable
	// StabilityDeprecated: the metric stays for existing readers, and has a replacement.
	StabilityDeprecated
)

// String returns development, stable or deprecated.
func (s Stability) String() string {
	switch s {
	case StabilityDevelopment:
		return "development"
	case StabilityStable:
		return "stable"
	case StabilityDeprecated:
		return "deprecated"
	}
	return fmt.Sprintf("Stability(%d)", uint8(s))
}
