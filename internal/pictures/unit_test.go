// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"
)

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		unit string
		high float64
		want []string
	}{
		{"Bps", 48e6, []string{"0 MB/s", "10 MB/s", "20 MB/s", "30 MB/s", "40 MB/s"}},
		{"Bps", 900, []string{"0 B/s", "200 B/s", "400 B/s", "600 B/s", "800 B/s"}},
		{"decbytes", 6.5e6, []string{"0 MB", "2 MB", "4 MB", "6 MB"}},
		{"s", 0.0004, []string{"0 µs", "100 µs", "200 µs", "300 µs", "400 µs"}},
		{"s", 3, []string{"0 s", "1 s", "2 s", "3 s"}},
		{"percentunit", 1.2, []string{"0%", "20%", "40%", "60%", "80%", "100%"}},
		{"cps", 1, []string{"0/s", "0.2/s", "0.4/s", "0.6/s", "0.8/s", "1/s"}},
		{"short", 35, []string{"0", "10", "20", "30"}},
	} {
		var got []string
		for _, tick := range (unitTicks{test.unit}).Ticks(0, test.high) {
			got = append(got, tick.Label)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s up to %v: got %q, want %q", test.unit, test.high, got, test.want)
		}
	}
}
