// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
)

// A tokenDigest is the digest of a token, so that the token itself is not kept.
type tokenDigest [sha256.Size]byte

func digestOfToken(token string) tokenDigest { return sha256.Sum256([]byte(token)) }

// matches reports whether the token has the digest. Any token matches nil.
func (d *tokenDigest) matches(token string) bool {
	if d == nil {
		return true
	}
	got := digestOfToken(token)
	return subtle.ConstantTimeCompare(got[:], d[:]) == 1
}
