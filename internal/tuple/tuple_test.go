// SPDX-License-Identifier: Apache-2.0

package tuple_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/internal/tuple"
)

func TestKeysAreUnique(t *testing.T) {
	tuples := [][]string{
		nil, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"a\x01b"}, {"\x01a"},
		{strings.Repeat("x", 127)}, {strings.Repeat("x", 128)}, {strings.Repeat("x", 20000), "y"}, {"\xff\x00"},
	}
	seen := make(map[string][]string)
	for _, values := range tuples {
		key := string(tuple.Append(nil, values))
		if other, ok := seen[key]; ok {
			t.Errorf("%.40q and %.40q share a key", values, other)
		}
		seen[key] = values
		if got := tuple.Split(key); !slices.Equal(got, values) {
			t.Errorf("the key of %.40q splits into %.40q", values, got)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("a", "")
	f.Add("", strings.Repeat("x", 300))
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := tuple.Split(string(tuple.Append(nil, []string{a, b}))); !slices.Equal(got, []string{a, b}) {
			t.Errorf("%q and %q came back as %q", a, b, got)
		}
	})
}
