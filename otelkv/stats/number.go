// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"strconv"
)

// A Number is an int64 or a float64. Recording, encoding and decoding keep the two
// apart, as vLLM does with Python's int and float: bytes and counts stay exact, and a
// summary prints 5 and 5.0 differently. The zero Number is the int64 0. Numbers are
// comparable; two NaNs of the same bits are equal.
type Number struct {
	bits  uint64
	float bool
}

// Int64 returns v as a Number.
func Int64(v int64) Number { return Number{bits: uint64(v)} }

// Float64 returns v as a Number.
func Float64(v float64) Number { return Number{bits: math.Float64bits(v), float: true} }

// IsInt64 reports whether n was made from an int64.
func (n Number) IsInt64() bool { return !n.float }

// Int64 returns n as an int64. This is exact for an int64, and for a float64 that is
// whole and in range. Otherwise exact is false and v is 0.
func (n Number) Int64() (v int64, exact bool) {
	if !n.float {
		return int64(n.bits), true
	}
	f := math.Float64frombits(n.bits)
	// The upper bound is 2^63, which float64 holds exactly and int64 does not.
	if f != math.Trunc(f) || f < math.MinInt64 || f >= -math.MinInt64 {
		return 0, false
	}
	return int64(f), true
}

// Float64 returns n as a float64. An int64 beyond 2^53 is rounded to the nearest one.
func (n Number) Float64() float64 {
	if !n.float {
		return float64(int64(n.bits))
	}
	return math.Float64frombits(n.bits)
}

// String returns n as Python prints it: 5, 0.5, 2.0, 1e-05, nan, inf.
func (n Number) String() string { return string(n.appendText(nil)) }

// appendText appends n in Python's notation. A finite float64 has a point or an
// exponent, so the text keeps the two apart. The text of a finite number is JSON too.
func (n Number) appendText(dst []byte) []byte {
	if !n.float {
		return strconv.AppendInt(dst, int64(n.bits), 10)
	}
	f := math.Float64frombits(n.bits)
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case abs != 0 && (abs < 1e-4 || abs >= 1e16):
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	case f == math.Trunc(f):
		return strconv.AppendFloat(dst, f, 'f', 1, 64)
	default:
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
}

// finite reports whether n is neither NaN nor infinite.
func (n Number) finite() bool {
	return !n.float || math.Abs(math.Float64frombits(n.bits)) <= math.MaxFloat64
}

// canIncrement reports whether n may be added to a counter: finite and not
// negative.
func (n Number) canIncrement() bool {
	if !n.float {
		return int64(n.bits) >= 0
	}
	f := math.Float64frombits(n.bits)
	return f >= 0 && f <= math.MaxFloat64
}

// plus returns n + m, a float64 if either is one, and false where the sum of two
// int64 does not fit.
func (n Number) plus(m Number) (sum Number, ok bool) {
	if n.float || m.float {
		return Float64(n.Float64() + m.Float64()), true
	}
	a, b := int64(n.bits), int64(m.bits)
	s := a + b
	return Int64(s), (a^s)&(b^s) >= 0
}
