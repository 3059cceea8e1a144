// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strconv"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// The reference is a second decoder of payloads. It is slow and simple: other libraries
// read the whole input into a tree of fields, lists and scalars first, and then the rules
// that [stats.Decoder] documents are followed over the tree.

// beyond is a number that is neither an int64 nor a float64.
type beyond struct{}

// binary is a value that JSON cannot express.
type binary struct{}

// errBroken says that an input is refused as a whole.
var errBroken = errors.New("broken")

// readJSON reads the input into a tree by encoding/json.
func readJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	root, err := readToken(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errBroken
	}
	return root, nil
}

func readToken(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == 32 {
			return nil, errBroken
		}
		var elements []any
		for d.More() {
			element, err := readToken(d, depth+1)
			if err != nil {
				return nil, err
			}
			elements = append(elements, element)
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		if token == '{' {
			return fields(elements), nil
		}
		return list(elements), nil
	case json.Number:
		return readNumeral(token.String()), nil
	}
	return token, nil
}

func readNumeral(text string) any {
	if !strings.ContainsAny(text, ".eE") {
		if n, ok := new(big.Int).SetString(text, 10); ok && n.IsInt64() {
			return stats.Int64(n.Int64())
		}
		return beyond{}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return beyond{}
	}
	return stats.Float64(f)
}

// readMessagePack reads the value that data begins with by msgp.
func readMessagePack(data []byte, depth int) (value any, rest []byte, err error) {
	switch kind := msgp.NextType(data); kind {
	case msgp.MapType, msgp.ArrayType:
		var size uint32
		count := uint64(0)
		if kind == msgp.MapType {
			size, rest, err = msgp.ReadMapHeaderBytes(data)
			count = 2 * uint64(size)
		} else {
			size, rest, err = msgp.ReadArrayHeaderBytes(data)
			count = uint64(size)
		}
		if err != nil || depth == 32 || count > uint64(len(rest)) {
			return nil, nil, errBroken
		}
		var elements []any
		for range count {
			var element any
			if element, rest, err = readMessagePack(rest, depth+1); err != nil {
				return nil, nil, err
			}
			elements = append(elements, element)
		}
		if kind == msgp.MapType {
			return fields(elements), rest, nil
		}
		return list(elements), rest, nil
	case msgp.BinType, msgp.ExtensionType, msgp.TimeType, msgp.DurationType, msgp.Complex64Type, msgp.Complex128Type:
		rest, err = msgp.Skip(data)
		return binary{}, rest, err
	}
	value, rest, err = msgp.ReadIntfBytes(data)
	switch v := value.(type) {
	case int64:
		value = stats.Int64(v)
	case uint64:
		value = beyond{}
		if v <= 1<<63-1 {
			value = stats.Int64(int64(v))
		}
	case float64:
		value = stats.Float64(v)
	case float32:
		value = stats.Float64(float64(v))
	}
	return value, rest, err
}
