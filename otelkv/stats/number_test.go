// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"math"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

func TestNumberString(t *testing.T) {
	tests := []struct {
		number stats.Number
		want   string
	}{
		{stats.Number{}, "0"},
		{stats.Int64(5), "5"},
		{stats.Int64(math.MinInt64), "-9223372036854775808"},
		{stats.Float64(0), "0.0"},
		{stats.Float64(math.Copysign(0, -1)), "-0.0"},
		{stats.Float64(0.5), "0.5"},
		{stats.Float64(2), "2.0"},
		{stats.Float64(0.0001), "0.0001"},
		{stats.Float64(0.00001), "1e-05"},
		{stats.Float64(9999999999999998), "9999999999999998.0"},
		{stats.Float64(1e16), "1e+16"},
		{stats.Float64(-1.5e300), "-1.5e+300"},
		{stats.Float64(5e-324), "5e-324"},
		{stats.Float64(0.30000000000000004), "0.30000000000000004"},
		{stats.Float64(math.NaN()), "nan"},
		{stats.Float64(math.Inf(1)), "inf"},
		{stats.Float64(math.Inf(-1)), "-inf"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			if got := test.number.String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestNumberInt64(t *testing.T) {
	tests := []struct {
		number stats.Number
		want   int64
		exact  bool
	}{
		{stats.Int64(math.MaxInt64), math.MaxInt64, true},
		{stats.Float64(3), 3, true},
		{stats.Float64(-1 << 63), math.MinInt64, true},
		{stats.Float64(1 << 63), 0, false},
		{stats.Float64(-1<<63 - 2048), 0, false},
		{stats.Float64(0.5), 0, false},
		{stats.Float64(math.NaN()), 0, false},
		{stats.Float64(math.Inf(1)), 0, false},
	}
	for _, test := range tests {
		t.Run(test.number.String(), func(t *testing.T) {
			if got, exact := test.number.Int64(); got != test.want || exact != test.exact {
				t.Errorf("got %d, %t, want %d, %t", got, exact, test.want, test.exact)
			}
		})
	}
}

func TestNumberKindsAreApart(t *testing.T) {
	if stats.Int64(2) == stats.Float64(2) {
		t.Error("2 equals 2.0")
	}
	if !stats.Int64(2).IsInt64() || stats.Float64(2).IsInt64() {
		t.Error("IsInt64 does not tell the kinds apart")
	}
	if got := stats.Int64(1<<53 + 1).Float64(); got != 1<<53 {
		t.Errorf("got %f, want 2^53", got)
	}
}
