// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestMessagePackGolden holds the bytes that vLLM's encoder produces.
func TestMessagePackGolden(t *testing.T) {
	tests := []struct {
		name    string
		payload builder
		hex     string
	}{
		{"empty", build(t), "82a5747970657380a46461746180"},
		{"counter", build(t).counter("my_counter", stats.Int64(7)),
			"82a5747970657381aa6d795f636f756e746572a7636f756e746572a46461746181aa6d795f636f756e746572819007"},
		{"labelled counter", build(t).counter("my_counter", stats.Int64(7), "a").counter("my_counter", stats.Int64(3), "b"),
			"82a5747970657381aa6d795f636f756e746572a7636f756e746572a46461746181aa6d795f636f756e7465728291a1610791a16203"},
		{"gauge and histogram", build(t).gauge("g", stats.Float64(0.5), "1:fs").
			histogram("h", append(ints(16, 8), stats.Float64(0.25))),
			"82a5747970657382a167a56761756765a168a9686973746f6772616da46461746182a1678191a4313a6673cb3fe0000000000000a1688190931008cb3fd0000000000000"},
		{"large int", build(t).counter("c", stats.Int64(4611932160)),
			"82a5747970657381a163a7636f756e746572a46461746181a1638190cf0000000112e48000"},
		{"connectors", func() builder {
			b := build(t)
			b.check(b.Connector("C").AddCounter("c", stats.Int64(1)))
			return b
		}(), "81a14381a46461746182a5747970657381a163a7636f756e746572a46461746181a163819001"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := hex.EncodeToString(test.payload.AppendMessagePack(nil)); got != test.hex {
				t.Errorf("encoded:\n got %s\nwant %s", got, test.hex)
			}
			var decoded stats.Payload
			rest, err := stats.Decoder{}.MessagePack(append(unhex(t, test.hex), 0xc0), &decoded)
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(rest) != "c0" {
				t.Errorf("rest is %x, want c0", rest)
			}
			if diff := cmp.Diff(dump(test.payload.Payload), dump(&decoded)); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}
