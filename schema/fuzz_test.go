// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema"
)

// FuzzNames holds that a counter passes exactly if both of its names match the
// grammars that their specifications print, and one is left without its suffix,
// and that it is then found under either.
func FuzzNames(f *testing.F) {
	for _, names := range [][2]string{
		{"vllm.kv_offload.load_bytes", "vllm:kv_offload_load_bytes"},
		{"a", "_"},
		{"a/b-c.d_e", ":a"},
		{"a:b", "a-b"},
		{"", ""},
		{"1a", "1a"},
		{"é", "é"},
		{strings.Repeat("a", 255), "a_total"},
		{"a", "_total"},
		{strings.Repeat("a", 256), "a\n"},
	} {
		f.Add(names[0], names[1])
	}
	instrument := regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9_.\-/]{0,254}\z`)
	family := regexp.MustCompile(`\A[a-zA-Z_:][a-zA-Z0-9_:]*\z`)
	f.Fuzz(func(t *testing.T, name, prometheusName string) {
		c, err := schema.NewCatalogue(named(name, prometheusName))
		legal := instrument.MatchString(name) && family.MatchString(prometheusName) && prometheusName != "_total"
		if legal != (err == nil) {
			t.Fatalf("legal = %t, error %v", legal, err)
		}
		if err != nil {
			return
		}
		for _, n := range []string{name, prometheusName} {
			if d, ok := c.Lookup(n); !ok || d.Name != name || d.PrometheusName != prometheusName {
				t.Errorf("Lookup(%q) = %q, %q, %t", n, d.Name, d.PrometheusName, ok)
			}
		}
	})
}
