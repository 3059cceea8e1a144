// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"testing"

	"github.com/otelkv/otelkv-go/internal/conformance"
)

func TestCases(t *testing.T) {
	cases := conformance.Cases(t)
	if len(cases) < 6 {
		t.Errorf("got %d cases, want at least 6", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Spec == "" || c.Model == "" || len(c.Engines) == 0 || len(c.Samples) == 0 || len(c.Reduce) == 0 {
				t.Errorf("incomplete: spec %q, model %q, %d engines, %d samples, %d reduced keys",
					c.Spec, c.Model, len(c.Engines), len(c.Samples), len(c.Reduce))
			}
			fromJSON, fromMessagePack := c.JSONRecords(t), c.MessagePackRecords(t)
			if len(fromJSON) == 0 || len(fromJSON) != len(fromMessagePack) {
				t.Fatalf("%d JSON records, %d MessagePack records", len(fromJSON), len(fromMessagePack))
			}
			for i := range fromJSON {
				if fromJSON[i].Engine != fromMessagePack[i].Engine {
					t.Errorf("record %d: engine %d in JSON, %d in MessagePack", i+1, fromJSON[i].Engine, fromMessagePack[i].Engine)
				}
			}
		})
	}
}
