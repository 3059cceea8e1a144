// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"iter"
)

const (
	// unnamedName and otherName are names in [Payload.Ignored], see there.
	unnamedName = "unnamed"
	otherName   = "other"
	// maxIgnored is the number of names after which others become otherName.
	maxIgnored = 64
)

// Ignored yields the names of the connectors whose stats a decoder ignored, and how
// often. These stats are not in the form of this package, for example those of vLLM's
// NIXL and Mooncake connectors. "unnamed" is a connector that sent alone, and so without
// a name. "other" stands for names after the first 64, and for names that are not a
// valid label value.
//
// The counts last until the payload is reset or taken. They are merged, but not encoded.
func (p *Payload) Ignored() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		if p.ignored > 0 && !yield(cmp.Or(p.name, unnamedName), p.ignored) {
			return
		}
		for _, child := range p.shown {
			if child.ignored > 0 && !yield(cmp.Or(child.name, unnamedName), child.ignored) {
				return
			}
		}
	}
}

// ignore counts stats of another connector under its name. A nested payload counts
// them under its own name.
func (p *Payload) ignore(name string, n int64) {
	child := p
	if p.parent == nil && name != "" && name != unnamedName {
		child = p.connectors[name]
		if known := child != nil && child.isShown; !known && len(p.shown) >= maxIgnored {
			name = otherName
		}
		child = p.connector(name)
	}
	child.ignored += n
	child.list()
}

// ignoreAll adds the counts of another payload.
func (p *Payload) ignoreAll(other *Payload) {
	for name, n := range other.Ignored() {
		p.ignore(name, n)
	}
}
