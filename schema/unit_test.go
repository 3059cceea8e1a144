// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema"
)

func TestUnit(t *testing.T) {
	longest := "{" + strings.Repeat("a", 61) + "}"
	for _, tt := range []struct {
		unit  string
		legal bool
	}{
		{"1", true}, {"By", true}, {"s", true}, {"ms", true}, {"MiBy", true}, {"%", true}, {"Hz", true},
		{"{job}", true}, {"{KV block}", false}, {"{}", false}, {"{a{b}}", false}, {"{é}", false}, {"{job", false}, {"job}", false},
		{"s/MiBy", true}, {"By/s", true}, {"1/s", true}, {"{job}/s", true}, {"By.s", true}, {"{a/b}.{c.d}", true},
		{"/s", false}, {"s/", false}, {"s//By", false}, {"By s", false}, {"{a}{b}", false}, {"{a}s", false},
		{"B", false}, {"bytes", false}, {"by", false}, {"seconds", false}, {"S", false}, {"GB", false}, {"", true},
		{longest, true}, {longest[:62] + "a}", false},
	} {
		t.Run(tt.unit, func(t *testing.T) {
			_, err := schema.NewCatalogue(counter(func(m *schema.Int64Counter) { m.Unit = tt.unit }))
			if legal := err == nil; legal != tt.legal {
				t.Errorf("legal = %t, want %t: %v", legal, tt.legal, err)
			}
		})
	}
}
