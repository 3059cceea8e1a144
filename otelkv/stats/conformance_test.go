// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/otelkv/otelkv-go/internal/conformance"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

func decodeJSON(data []byte, p *stats.Payload) error { return stats.Decoder{}.JSON(data, p) }

func decodeMessagePack(data []byte, p *stats.Payload) error {
	_, err := stats.Decoder{}.MessagePack(data, p)
	return err
}

// TestConformance merges the records of every recorded stream and compares the
// summary with vLLM's: every key, the kind of every number, every value.
func TestConformance(t *testing.T) {
	for _, c := range conformance.Cases(t) {
		for _, format := range []struct {
			name    string
			records []conformance.Record
			decode  func([]byte, *stats.Payload) error
		}{
			{"json", c.JSONRecords(t), decodeJSON},
			{"messagepack", c.MessagePackRecords(t), decodeMessagePack},
		} {
			t.Run(c.Name+"/"+format.name, func(t *testing.T) {
				var total, record stats.Payload
				for i, r := range format.records {
					if err := format.decode(r.Stats, &record); err != nil {
						t.Errorf("record %d: %v", i+1, err)
					}
					if err := total.Merge(&record); err != nil {
						t.Errorf("record %d: %v", i+1, err)
					}
				}
				compareSummary(t, total.Reduce(), c.Reduce)
			})
		}
	}
}

func compareSummary(t *testing.T, got stats.Summary, want map[string]json.Number) {
	t.Helper()
	for key, text := range want {
		value, ok := got.Get(key)
		if !ok {
			t.Errorf("key %q is missing", key)
			continue
		}
		exact, err := text.Int64()
		if isInt := err == nil; isInt != value.IsInt64() {
			t.Errorf("key %q: got %v, want %v: another kind of number", key, value, text)
		} else if isInt {
			if v, _ := value.Int64(); v != exact {
				t.Errorf("key %q: got %v, want %v", key, value, text)
			}
		} else if f, err := text.Float64(); err != nil || math.Abs(value.Float64()-f) > 1e-9*math.Abs(f) {
			t.Errorf("key %q: got %v, want %v", key, value, text)
		}
	}
	for key := range got.All() {
		if _, ok := want[key]; !ok {
			t.Errorf("key %q is extra", key)
		}
	}
}
