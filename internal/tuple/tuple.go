// Package tuple turns tuples of label values into map keys.
package tuple

import "encoding/binary"

// Append appends the key of a tuple to dst. Tuples of the same length have the
// same key only if they are equal. The key of a tuple of one value is the value,
// which is why it can be looked up without building the key.
func Append(dst []byte, values []string) []byte {
	if len(values) == 1 {
		return append(dst, values[0]...)
	}
	for _, v := range values {
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		dst = append(dst, v...)
	}
	return dst
}
