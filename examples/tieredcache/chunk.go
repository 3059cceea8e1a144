// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math/rand/v2"
)

// A Key identifies a chunk by its content: the tokens of the chunk and of every chunk before
// it. So requests with the same beginning have the same first keys.
type Key [16]byte

// Next returns the key of the chunk after k with the given tokens, which are one number
// here.
func (k Key) Next(tokens uint64) Key {
	var next Key
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(k[:], tokens))
	copy(next[:], sum[:])
	return next
}

// String returns the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// parseKey is the inverse of [Key.String].
func parseKey(s string) (Key, bool) {
	var k Key
	if len(s) != hex.EncodedLen(len(k)) {
		return Key{}, false
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, false
	}
	return k, true
}

// compute fills dst with the content of k. It stands for the model's prefill: the same
// tokens always give the same bytes.
func compute(k Key, dst []byte) {
	var seed [32]byte
	copy(seed[:], k[:])
	// ChaCha8.Read always fills dst and never returns an error.
	_, _ = rand.NewChaCha8(seed).Read(dst)
}

// checksum returns the CRC-32C of a chunk's content. It is computed when the content enters
// the cache, and checked at every read.
func checksum(content []byte) uint32 {
	return crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli))
}
