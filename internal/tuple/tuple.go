// SPDX-License-Identifier: Apache-2.0

// Package tuple encodes tuples of label values as map keys: each value after its length.
// Different tuples have different keys. The key of the empty tuple is empty.
package tuple

import "encoding/binary"

// AppendValue appends one more value of a tuple to its key.
func AppendValue[S ~string | ~[]byte](key []byte, value S) []byte {
	key = binary.AppendUvarint(key, uint64(len(value)))
	return append(key, value...)
}

// Append appends all values of a tuple to its key.
func Append(key []byte, values []string) []byte {
	for _, v := range values {
		key = AppendValue(key, v)
	}
	return key
}

// Split is the inverse of [Append]. The values share the key's memory.
func Split(key string) []string {
	var values []string
	for len(key) > 0 {
		length, shift := uint64(0), 0
		for key[0] >= 0x80 {
			length |= uint64(key[0]&0x7f) << shift
			shift += 7
			key = key[1:]
		}
		length |= uint64(key[0]) << shift
		values = append(values, key[1:1+length])
		key = key[1+length:]
	}
	return values
}
