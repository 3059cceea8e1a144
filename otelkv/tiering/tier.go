package tiering

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// PrimaryType is the type of the tier with index 0, in whose memory chunks must
// be before they can be loaded to the GPU.
const PrimaryType = "primary"

// MaxTypeLength bounds a tier's type, in bytes.
const MaxTypeLength = 255

// A Tier names one tier of an engine, as the label tier does: "0:primary",
// "1:fs", "2:p2p". Two tiers of one type differ by their index. Tiers compare
// with ==.
type Tier struct {
	// Index is 0 for the primary tier, and counts the secondary tiers from 1 in
	// the order in which they are looked up.
	Index int
	// Type is the configured type of the tier, or the class name of one that is
	// not part of vLLM. It may hold any valid UTF-8, colons included.
	Type string
}

// String returns the tier's label value, "<index>:<type>".
func (t Tier) String() string { return strconv.Itoa(t.Index) + ":" + t.Type }

// Primary returns the primary tier, "0:primary".
func Primary() Tier { return Tier{Index: 0, Type: PrimaryType} }

// ParseTier is the inverse of [Tier.String]. It is strict, because what it
// accepts and what it prints must be the same series: the index is decimal
// without sign or leading zeros, index 0 is only "0:primary", and the type is
// 1 to [MaxTypeLength] bytes of valid UTF-8.
func ParseTier(label string) (Tier, error) {
	index, tierType, found := strings.Cut(label, ":")
	if !found {
		return Tier{}, fmt.Errorf("otelkv: tier %s: expected <index>:<type>, such as 1:fs", quote(label))
	}
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 || strconv.Itoa(n) != index {
		return Tier{}, fmt.Errorf("otelkv: tier %s: expected a decimal index before the colon", quote(label))
	}
	t := Tier{Index: n, Type: tierType}
	if err := t.validate(); err != nil {
		return Tier{}, err
	}
	return t, nil
}

// validate checks a tier whose index is not negative.
func (t Tier) validate() error {
	reason := ""
	switch {
	case t.Type == "":
		reason = "the type is empty"
	case len(t.Type) > MaxTypeLength:
		reason = fmt.Sprintf("the type has %d bytes, at most %d are allowed", len(t.Type), MaxTypeLength)
	case !utf8.ValidString(t.Type):
		reason = "the type is not valid UTF-8"
	case t.Index == 0 && t.Type != PrimaryType:
		reason = "index 0 is the primary tier, 0:primary"
	default:
		return nil
	}
	return fmt.Errorf("otelkv: tier %s: %s", quote(t.String()), reason)
}

// quote quotes text that may be hostile, and bounds what of it an error repeats.
func quote(text string) string {
	const most = 64
	if len(text) <= most {
		return strconv.Quote(text)
	}
	return strconv.Quote(text[:most]) + "..."
}
