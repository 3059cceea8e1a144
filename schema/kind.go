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
	if names := [...]string{KindCounter: "counter", KindGauge: "gauge", KindHistogram: "histogram"}; k >= KindCounter && k <= KindHistogram {
		return names[k]
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
	if names := [...]string{NumberKindInt64: "int64", NumberKindFloat64: "float64"}; n == NumberKindInt64 || n == NumberKindFloat64 {
		return names[n]
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
	if names := [...]string{"development", "stable", "deprecated"}; s <= StabilityDeprecated {
		return names[s]
	}
	return fmt.Sprintf("Stability(%d)", uint8(s))
}
