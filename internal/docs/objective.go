// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"slices"

	"github.com/otelkv/otelkv-go/schema/vllm"
)

// budgetBurns fires when lookups use up the budget of slow ones the given number of
// times too fast. The long window says that it matters, the short one that it still
// goes on. Where the short window is longer than the alert holds, the first minutes
// of a start would fire it: then an engine has to be there for an hour.
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
	// One slow lookup in each n of sixty.
	slow := func(fast, all string) []inputSeries {
		return inputs(bucket(delay, "0.005", fast), bucket(delay, "+Inf", all), counted(delay, all))
	}
	return alert{
		name:     name,
		expr:     expr,
		hold:     "10m",
		severity: severity,
		summary:  fmt.Sprintf("Slow lookups of %s use their budget up %v times too fast", ofEngine, times),
		runbook: "The objective is that 99 in 100 lookups block the scheduler for at most 5 ms; each request of the engine waits meanwhile. " +
			"\"Lookups past the objective\" shows how many do not keep it, \"Lookup in a tier, p90\" which tier they are in. Look for a medium " +
			"that became slow, and for a tier whose lookups should be deferred and are not. The slow lookups of an engine's first five minutes do not " +
			"fire it.",
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

// engineVanished asks for the usage gauge, which an engine with a CPU cache has
// before any traffic. Counters that are not primed appear with their first event,
// so nothing follows from their absence.
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
		runbook: "The process is scraped and no longer shows an engine that it showed half an hour ago. Look into its log for the engine's end, " +
			"and whether its configuration lost the offloading connector. An engine that was removed on purpose fires this for twenty minutes " +
			"at most. A process that is down does not; alert on up for that.",
		cases: slices.Concat(vanishedLife(usage, up), []alertCase{
			{name: "gone", series: inputs(read(usage, "0.2x60 stale"), up("1x120")), at: "75m", labels: alertLabels()},
			{name: "gone for a few minutes", series: inputs(read(usage, "0.2x60 stale"), up("1x120")), at: "66m"},
			{name: "removed long ago", series: inputs(read(usage, "0.2x60 stale"), up("1x200")), at: "110m"},
			{name: "the process is down", series: inputs(read(usage, "0.2x60 stale"), up("1x60 0x60")), at: "75m"},
			{name: "never there", series: inputs(up("1x120")), at: "75m"},
		}),
	}
}
