// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"slices"

	"github.com/otelkv/otelkv-go/schema/vllm"
)

// budgetBurns fires when slow lookups use up their budget the given number of times too
// fast. The long window shows that it matters, and the short window that it still
// happens. If the short window is longer than the alert's hold time, the first minutes of
// a start would fire it, so the engine must then exist for an hour.
func budgetBurns(w *writer, name, severity string, times float64, long, short string) alert {
	delay := vllm.LookupSyncDelay
	burns := func(window string) term {
		return w.within(window, func(w *writer) term {
			return above(times*lookupBudget, w.beyond(lookupObjective, delay))
		})
	}
	expr := and(burns(long), burns(short))
	if short != "5m" {
		expr = and(expr, w.before("1h", delay))
	}
	slow := func(fast, all string) []inputSeries {
		return inputs(bucket(delay, "0.005", fast), bucket(delay, "+Inf", all), counted(delay, all))
	}
	return alert{
		name:     name,
		expr:     expr,
		hold:     "10m",
		severity: severity,
		summary:  fmt.Sprintf("Slow lookups of %s use up their budget %v times too fast", ofEngine, times),
		runbook: "The objective is that 99 in 100 lookups block the scheduler for at most 5 ms, because all requests of the engine wait " +
			"meanwhile. \"Lookups past the objective\" shows how many take longer, and \"Lookup in a tier, p90\" shows in which tier. Look for a " +
			"medium that became slow, and for a tier whose lookups should be deferred and are not. Slow lookups in an engine's first five " +
			"minutes do not fire this alert.",
		cases: slices.Concat(burnLife(delay), []alertCase{
			{name: "one in five", series: slow("0+48x600", "0+60x600"), at: "8h", labels: alertLabels()},
			{name: "one in five from a restart on", series: slow("36000x300 0+48x300", "36000x300 0+60x300"), at: "8h", labels: alertLabels()},
			{name: "one in two hundred", series: slow("0+199x600", "0+200x600"), at: "8h"},
			{name: "a restart of a healthy engine", series: slow("0+60x100 0+60x60", "0+60x100 0+60x60"), at: "115m"},
			{name: "slow until an hour ago", series: slow("0+48x400 19260+60x60", "0+60x460"), at: "455m"},
			{name: "no lookups", series: slow("0x600", "0x600"), at: "8h"},
			{name: "lookups ended", series: slow("48x600", "60x600"), at: "8h"},
		}),
	}
}

// engineVanished uses the usage gauge, which an engine with a CPU cache has before any
// traffic. A counter that is not primed appears with its first event, so its absence
// means nothing.
func engineVanished(w *writer) alert {
	usage := vllm.CPUCacheUsage
	now := w.gauge(usage)
	gone := unless(term{now.text + " offset 30m", now.labels}, now)
	up := func(values string) inputSeries {
		return inputSeries{fmt.Sprintf("up{job=%q,instance=%q}", testJob, testInstance), values}
	}
	return alert{
		name:     "KVOffloadEngineVanished",
		expr:     term{fmt.Sprintf("(%s) and on (job, instance) (up == 1)", gone.text), gone.labels},
		hold:     "10m",
		severity: severityWarning,
		summary:  "The series of " + ofEngine + " are gone, and its process is up",
		runbook: "Scrapes of the process work, but lack an engine that they had half an hour ago. Find out from the log why the engine ended, " +
			"and whether the configuration still has the offloading connector. An engine that was removed on purpose fires this alert for " +
			"at most twenty minutes. A process that is down does not fire it: use an alert on up for that.",
		cases: slices.Concat(vanishedLife(usage, up), []alertCase{
			{name: "gone", series: inputs(read(usage, "0.2x60 stale"), up("1x120")), at: "75m", labels: alertLabels()},
			{name: "gone for a few minutes", series: inputs(read(usage, "0.2x60 stale"), up("1x120")), at: "66m"},
			{name: "removed long ago", series: inputs(read(usage, "0.2x60 stale"), up("1x200")), at: "110m"},
			{name: "the process is down", series: inputs(read(usage, "0.2x60 stale"), up("1x60 0x60")), at: "75m"},
			{name: "never there", series: inputs(up("1x120")), at: "75m"},
		}),
	}
}
