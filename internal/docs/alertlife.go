// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// Alerts must not fire for a service that starts or restarts well, even if it has trouble
// in the first five minutes, and must fire for one that does not recover. The names of
// the cases that test this begin with one of these.
const (
	aStart   = "a start: "
	aRestart = "a restart: "
)

// minutes lists the times of a case in which nothing may fire, from one minute to
// another.
func minutes(from, to, step int) string {
	var all []string
	for m := from; m <= to; m += step {
		all = append(all, fmt.Sprintf("%dm", m))
	}
	return strings.Join(all, " ")
}

// growthLife returns cases for alerts on a counter that should not grow. The labels are
// those of the alert.
func growthLife(m schema.Metric, labels map[string]string, values ...string) []alertCase {
	return []alertCase{
		{name: aStart + "some before the first scrape", series: inputs(counted(m, "_x10 7x50", values...)), at: minutes(11, 41, 6)},
		{name: aStart + "some in the first minutes", series: inputs(counted(m, "_x5 0+3x4 12x60", values...)), at: minutes(7, 42, 5)},
		{name: aStart + "keeps growing", series: inputs(counted(m, "_x5 0+3x60", values...)), at: "40m", labels: labels},
		{name: aRestart + "long after it happened", series: inputs(counted(m, "7x30 stale _x3 0x30", values...)), at: minutes(31, 61, 5)},
		{name: aRestart + "some in the first minutes", series: inputs(counted(m, "9x20 stale _x3 0+3x4 12x60", values...)), at: minutes(25, 60, 5)},
		{name: aRestart + "keeps growing", series: inputs(counted(m, "0+3x30 stale _x3 0+3x40", values...)), at: "60m", labels: labels},
	}
}

func pinnedLife(usage schema.Metric) []alertCase {
	return []alertCase{
		{name: aStart + "fills up", series: inputs(read(usage, "_x5 0.95x8 0.2x60")), at: minutes(8, 28, 4)},
		{name: aStart + "stays high", series: inputs(read(usage, "_x5 0.95x60")), at: "20m", labels: alertLabels()},
		{name: aRestart + "high before and after", series: inputs(read(usage, "0.95x8 stale _x3 0.95x8 0.2x30")), at: minutes(8, 38, 5)},
		{name: aRestart + "stays high", series: inputs(read(usage, "0.95x30 stale _x3 0.95x30")), at: "55m", labels: alertLabels()},
	}
}

func hitsLife(queries, hits schema.Metric) []alertCase {
	const asked = "0+60x100 stale _x3 0+60x200"
	return []alertCase{
		{
			name: aStart + "the first hits after fifty minutes", at: minutes(30, 180, 15),
			series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "0x50 1+1x150", "1:fs")),
		},
		{
			name: aStart + "no hits", at: "130m", labels: alertLabels("1:fs"),
			series: inputs(counted(queries, "0+60x200", "1:fs"), counted(hits, "0x200", "1:fs")),
		},
		{
			name: aRestart + "fills again within fifty minutes", at: minutes(105, 240, 15),
			series: inputs(counted(queries, asked, "1:fs"), counted(hits, "0+20x100 stale _x3 0x50 1+1x150", "1:fs")),
		},
		{
			name: aRestart + "the data is lost", at: "260m", labels: alertLabels("1:fs"),
			series: inputs(counted(queries, asked, "1:fs"), counted(hits, "0+20x100 stale _x3 0x200", "1:fs")),
		},
	}
}

func stallLife(active, bytes, failures schema.Metric) []alertCase {
	const jobs = "2x30 stale _x3 2x60"
	return []alertCase{
		{
			name: aStart + "the first job ends after eight minutes", at: minutes(10, 60, 5),
			series: inputs(read(active, "_x5 2x60", "1:fs"), counted(bytes, "_x5 0x8 4096+4096x52", "1:fs"), counted(failures, "_x5 0x60", "1:fs")),
		},
		{
			name: aStart + "no job ends", at: "30m", labels: alertLabels("1:fs"),
			series: inputs(read(active, "_x5 2x60", "1:fs"), counted(bytes, "_x5 0x60", "1:fs"), counted(failures, "_x5 0x60", "1:fs")),
		},
		{
			name: aRestart + "the first job ends after eight minutes", at: minutes(30, 90, 5),
			series: inputs(read(active, jobs, "1:fs"), counted(bytes, "0+4096x30 stale _x3 0x8 4096+4096x52", "1:fs"), counted(failures, "0x30 stale _x3 0x60", "1:fs")),
		},
		{
			name: aRestart + "no job ends", at: "60m", labels: alertLabels("1:fs"),
			series: inputs(read(active, jobs, "1:fs"), counted(bytes, "0+4096x30 stale _x3 0x60", "1:fs"), counted(failures, "0x30 stale _x3 0x60", "1:fs")),
		},
		{
			name: aRestart + "no job ends, and the counters appear with the first that does", at: "60m", labels: alertLabels("1:fs"),
			series: inputs(read(active, jobs, "1:fs"), counted(bytes, "0+4096x30 stale", "1:fs")),
		},
	}
}

// waitLife returns cases for alerts on samples above the boundary. One in ten is.
func waitLife(m schema.Histogram, boundary string, values ...string) []alertCase {
	series := func(within, all string) []inputSeries {
		return inputs(bucket(m, boundary, within, values...), bucket(m, "+Inf", all, values...), counted(m, all, values...))
	}
	const restarted = "0+10x60 stale _x3 0+10x60"
	return []alertCase{
		{name: aStart + "one in ten in the first minutes", series: series("0+9x5 55+10x55", "0+10x60"), at: minutes(4, 40, 4)},
		{name: aStart + "one in ten", series: series("_x5 0+9x60", "_x5 0+10x60"), at: "40m", labels: alertLabels(values...)},
		{name: aRestart + "one in ten in the first minutes", series: series("0+10x60 stale _x3 0+9x5 55+10x54", restarted), at: minutes(64, 108, 4)},
		{name: aRestart + "one in ten", series: series("0+10x60 stale _x3 0+9x60", restarted), at: "110m", labels: alertLabels(values...)},
	}
}

// burnLife returns cases for alerts on lookups that take longer than 5 ms. Four in five
// do in the first minutes, or one in five all the time.
func burnLife(delay schema.Histogram) []alertCase {
	series := func(fast, all string) []inputSeries {
		return inputs(bucket(delay, "0.005", fast), bucket(delay, "+Inf", all), counted(delay, all))
	}
	const restarted = "0+60x300 stale _x3 0+60x170"
	return []alertCase{
		{name: aStart + "slow in the first minutes", series: series("0+12x5 120+60x134", "0+60x140"), at: minutes(6, 122, 8)},
		{name: aStart + "one in five", series: series("_x5 0+48x100", "_x5 0+60x100"), at: "90m", labels: alertLabels()},
		{name: aRestart + "slow in the first minutes", series: series("0+60x300 stale _x3 0+12x5 120+60x164", restarted), at: minutes(310, 422, 8)},
		{name: aRestart + "one in five", series: series("0+60x300 stale _x3 0+48x170", restarted), at: "460m", labels: alertLabels()},
	}
}

func vanishedLife(usage schema.Metric, up func(values string) inputSeries) []alertCase {
	return []alertCase{
		{name: aStart + "well", series: inputs(read(usage, "_x5 0x60"), up("1x120")), at: minutes(1, 61, 10)},
		{name: aStart + "the engine goes after a quarter of an hour", series: inputs(read(usage, "0.2x15 stale"), up("1x60")), at: "42m", labels: alertLabels()},
		{name: aRestart + "the engine comes after nine minutes", series: inputs(read(usage, "0.2x60 stale _x11 0x60"), up("1x60 0x1 1x60")), at: minutes(63, 120, 4)},
		{name: aRestart + "the process stays down", series: inputs(read(usage, "0.2x60 stale"), up("1x60 0x60")), at: minutes(65, 120, 10)},
		{name: aRestart + "the engine does not come", series: inputs(read(usage, "0.2x60 stale"), up("1x60 0x3 1x60")), at: "80m", labels: alertLabels()},
	}
}

func silentLife(age schema.Metric) []alertCase {
	return []alertCase{
		{name: aStart + "the first payload comes late", series: inputs(read(age, "_x12 1x60")), at: minutes(1, 61, 10)},
		{name: aStart + "one payload and no more", series: inputs(read(age, "_x2 1+60x60")), at: "30m", labels: alertLabels()},
		{name: aRestart + "a pause before and after", series: inputs(read(age, "1x20 60+60x7 stale _x3 1x2 60+60x7 1x30")), at: minutes(24, 64, 4)},
		{name: aRestart + "one payload and no more", series: inputs(read(age, "1x20 stale _x3 1+60x60")), at: "50m", labels: alertLabels()},
	}
}

func foldsLife(folds schema.Metric) []alertCase {
	return []alertCase{
		{name: aStart + "none", series: inputs(counted(folds, "_x5 0x60")), at: minutes(1, 61, 10)},
		{name: aStart + "folds before the first scrape", series: inputs(counted(folds, "_x5 5x30")), at: "8m", labels: processLabels()},
		{name: aRestart + "long after it happened", series: inputs(counted(folds, "7x30 stale _x3 0x60")), at: minutes(18, 90, 6)},
		{name: aRestart + "folds before the first scrape", series: inputs(counted(folds, "0x30 stale _x3 5x60")), at: "36m", labels: processLabels()},
	}
}
