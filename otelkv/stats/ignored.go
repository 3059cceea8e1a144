// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"iter"
)

const (
	// unnamedName and otherName stand for connectors in [Payload.Ignored].
	unnamedName = "unnamed"
	otherName   = "other"
	// maxIgnored is the number of names past which others are not told apart.
	maxIgnored = 64
)

// Ignored yields the names of the connectors whose stats a decoder left alone, and
// how often. They are not in this package's form, as those of vLLM's NIXL and
// Mooncake connectors, and mean something to somebody else. "unnamed" is a connector
// that sent alone, and so without a name, and "other" stands for names past the
// first 64, or that no label can hold.
//
// What was ignored is counted until the payload is reset or taken. It is merged, and
// not encoded.
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

// ignore counts stats of another connector under its name. On a nested payload, they
// are its own.
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

// ignoreAll adds what another payload ignored.
func (p *Payload) ignoreAll(other *Payload) {
	for name, n := range other.Ignored() {
		p.ignore(name, n)
	}
}
