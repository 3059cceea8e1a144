// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// A scale is a unit for the labels of an axis.
type scale struct {
	size float64 // in the metric's unit
	name string
}

// scales returns the scales for one of Grafana's units, in ascending order.
func scales(unit string) []scale {
	switch unit {
	case "Bps":
		return []scale{{1, " B/s"}, {1e3, " kB/s"}, {1e6, " MB/s"}, {1e9, " GB/s"}}
	case "decbytes":
		return []scale{{1, " B"}, {1e3, " kB"}, {1e6, " MB"}, {1e9, " GB"}}
	case "s":
		return []scale{{1e-6, " µs"}, {1e-3, " ms"}, {1, " s"}}
	case "suffix: s/MiB":
		return []scale{{1e-6, " µs/MiB"}, {1e-3, " ms/MiB"}, {1, " s/MiB"}}
	case "percentunit":
		return []scale{{0.01, "%"}}
	case "cps":
		return []scale{{1, "/s"}}
	}
	return []scale{{1, ""}}
}

// scaleOf returns the largest scale that is not above high.
func scaleOf(high float64, unit string) scale {
	all := scales(unit)
	chosen := all[0]
	for _, s := range all {
		if high >= s.size {
			chosen = s
		}
	}
	return chosen
}

// unitTicks labels an axis that starts at 0, in one of Grafana's units, at round numbers.
type unitTicks struct{ unit string }

// Ticks implements plot.Ticker.
func (u unitTicks) Ticks(_, high float64) []plot.Tick {
	s := scaleOf(high, u.unit)
	width := roundWidth(high / s.size)
	var ticks []plot.Tick
	for i := 0; ; i++ {
		value := float64(i) * width
		if value*s.size > high || u.unit == "percentunit" && value > 100 {
			return ticks
		}
		ticks = append(ticks, plot.Tick{Value: value * s.size, Label: strconv.FormatFloat(value, 'g', 4, 64) + s.name})
	}
}

// roundWidth returns a round number that fits into high three to six times.
func roundWidth(high float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(high/3)))
	for _, factor := range []float64{5, 2, 1} {
		if high/(factor*power) >= 3 {
			return factor * power
		}
	}
	return power
}
