// SPDX-License-Identifier: Apache-2.0

package otelkv

import "strings"

// LabelTierMedium is the label that [WithTierMedium] adds beside the tier.
const LabelTierMedium = "tier_medium"

// A TierMedium tells where a tier keeps its blocks. Anything but the constants
// counts as [TierMediumUnknown].
type TierMedium string

// The media that a tier can have, a closed set.
const (
	TierMediumUnknown TierMedium = "unknown"
	TierMediumDevice  TierMedium = "device" // the memory of an accelerator
	TierMediumHost    TierMedium = "host"   // the memory of this host
	TierMediumDisk    TierMedium = "disk"   // a file system or block device
	TierMediumRemote  TierMedium = "remote" // an object store or a cache service
	TierMediumP2P     TierMedium = "p2p"    // the memory of a peer
)

// TierMediumOf returns the medium of vLLM's own tiers: the primary tier is in
// the host's memory, and of the secondary ones fs is a disk, obj is remote and
// p2p is a peer. What another tier keeps its blocks in cannot be told from its
// label.
func TierMediumOf(tier string) TierMedium {
	if tier == PrimaryTier {
		return TierMediumHost
	}
	_, kind, _ := strings.Cut(tier, ":")
	switch kind {
	case "fs":
		return TierMediumDisk
	case "obj":
		return TierMediumRemote
	case "p2p":
		return TierMediumP2P
	}
	return TierMediumUnknown
}

// WithTierMedium adds the label tier_medium to every series with the label tier,
// so that tiers can be told apart by what they are made of, whatever their
// index and type. of is called once for each series, and must be safe for
// concurrent use, always return the same for a tier and not use the recorder; nil
// stands for [TierMediumOf]. vLLM has no such label.
func WithTierMedium(of func(tier string) TierMedium) Option {
	if of == nil {
		of = TierMediumOf
	}
	return optionFunc(func(c *config) { c.tierMedium = of })
}

// medium returns the value of the label tier_medium.
func (c *config) medium(tier string) string {
	switch m := c.tierMedium(tier); m {
	case TierMediumDevice, TierMediumHost, TierMediumDisk, TierMediumRemote, TierMediumP2P:
		return string(m)
	}
	return string(TierMediumUnknown)
}
