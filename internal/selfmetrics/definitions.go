// SPDX-License-Identifier: Apache-2.0

// Package selfmetrics defines the metrics of a recorder about itself. A recorder with
// otelkv.WithSelfMetrics emits them.
package selfmetrics

import "github.com/otelkv/otelkv-go/schema"

// LabelReason is why an entry was rejected, and LabelConnector the connector whose stats
// were ignored.
const (
	LabelReason    = "reason"
	LabelConnector = "connector"
)

// The values of [LabelReason].
const (
	ReasonUnknownMetric = "unknown_metric"
	ReasonWrongKind     = "wrong_kind"
	ReasonLabelValues   = "label_values"
	ReasonNumber        = "number"
	ReasonMirror        = "mirror"
	ReasonUnknownEngine = "unknown_engine"
	ReasonRemovedEngine = "removed_engine"
)

// Catalogue returns the definitions.
func Catalogue() *schema.Catalogue {
	return schema.MustCatalogue(Payloads, PayloadAge, RejectedEntries, IgnoredPayloads, RefusedNumbers, Series, Folds, DroppedSeries, ExportFailures)
}

// Payloads counts the payloads that were observed.
var Payloads = schema.Int64Counter{
	Name:           "otelkv.payloads",
	PrometheusName: "otelkv_payloads",
	Unit:           "{payload}",
	Description:    "Payloads that the recorder observed, also those with bad entries.",
	Since:          "v0.1.0",
	Usage:          "A rate of zero while engines work means that their stats do not arrive.",
	Query:          "rate(otelkv_payloads_total[5m])",
}

// PayloadAge is how long ago an engine's last payload came.
var PayloadAge = schema.Float64Gauge{
	Name:           "otelkv.payload_age",
	PrometheusName: "otelkv_payload_age_seconds",
	Unit:           "s",
	Description:    "Time since the engine's last payload was observed.",
	Since:          "v0.1.0",
	Usage:          "An engine whose age grows while others' do not has stopped sending.",
	Query:          "max by (model_name, engine) (otelkv_payload_age_seconds) > 60",
	Trap:           "It is absent for an engine that never sent a payload, also for one that records directly.",
}

// RejectedEntries counts the payload entries that were left out.
var RejectedEntries = schema.Int64Counter{
	Name:           "otelkv.rejected_entries",
	PrometheusName: "otelkv_rejected_entries",
	Unit:           "{entry}",
	Description:    "Entries of payloads that were left out, by reason. The other entries of the payload counted.",
	LabelNames:     []string{LabelReason},
	LabelValues: map[string][]string{LabelReason: {
		ReasonUnknownMetric, ReasonWrongKind, ReasonLabelValues,
		ReasonNumber, ReasonMirror, ReasonUnknownEngine, ReasonRemovedEngine,
	}},
	Since: "v0.1.0",
	Usage: "Anything but zero means that a sender and this recorder do not agree; the errors of Observe name the metric.",
	Query: "sum by (reason) (rate(otelkv_rejected_entries_total[5m])) > 0",
	Trap:  "A whole payload for an engine that was not declared counts as one.",
}

// IgnoredPayloads counts the stats of other connectors, which were ignored.
var IgnoredPayloads = schema.Int64Counter{
	Name:           "otelkv.ignored_payloads",
	PrometheusName: "otelkv_ignored_payloads",
	Unit:           "{payload}",
	Description:    "Stats of other connectors, such as NIXL's, that came in payloads and were left alone, by connector.",
	LabelNames:     []string{LabelConnector},
	Since:          "v0.2.0",
	Usage:          "It is normal beside an offloading connector. An offloading connector's own name means that it sends a form that is not known here.",
	Query:          "sum by (connector) (rate(otelkv_ignored_payloads_total[5m]))",
	Trap:           "A connector that sends alone has no name, and is \"unnamed\". Names past the first 64 are \"other\".",
}

// RefusedNumbers counts the measurements that bound series refused.
var RefusedNumbers = schema.Int64Counter{
	Name:           "otelkv.refused_numbers",
	PrometheusName: "otelkv_refused_numbers",
	Unit:           "{measurement}",
	Description:    "Measurements of bound series that were not taken: NaN, infinite, negative where they add, or past what the number can hold.",
	Since:          "v0.1.0",
	Usage:          "Anything but zero is a bug of the code that records.",
	Query:          "rate(otelkv_refused_numbers_total[5m]) > 0",
}

// Series is the number of series that exist.
var Series = schema.Int64Gauge{
	Name:           "otelkv.series",
	PrometheusName: "otelkv_series",
	Unit:           "{series}",
	Description:    "Series that the recorder holds, mirrors not counted.",
	Since:          "v0.1.0",
	Usage:          "Compare it with the limits, past which label values fold.",
	Query:          "otelkv_series",
}

// Folds counts how often label values were folded.
var Folds = schema.Int64Counter{
	Name:           "otelkv.folds",
	PrometheusName: "otelkv_folds",
	Unit:           "{fold}",
	Description:    "Times that label values became \"other\" because a series limit was reached.",
	Since:          "v0.1.0",
	Usage:          "Anything but zero means that a label has more values than was planned for, or a limit that is too low.",
	Query:          "rate(otelkv_folds_total[5m]) > 0",
}

// DroppedSeries counts the removed series that were not exported once more.
var DroppedSeries = schema.Int64Counter{
	Name:           "otelkv.dropped_series",
	PrometheusName: "otelkv_dropped_series",
	Unit:           "{series}",
	Description:    "Series of removed engines and tiers that were not exported once more, because too many were removed between two collections.",
	Since:          "v0.2.0",
	Usage:          "Anything but zero means that what was recorded shortly before a removal is missing.",
	Query:          "rate(otelkv_dropped_series_total[5m]) > 0",
}

// ExportFailures counts the exports that failed.
var ExportFailures = schema.Int64Counter{
	Name:           "otelkv.export_failures",
	PrometheusName: "otelkv_export_failures",
	Unit:           "{export}",
	Description:    "Exports of the pipeline that failed, over all exporters that push.",
	Since:          "v0.1.0",
	Usage:          "Growth means that a receiver is down or refuses what it gets.",
	Query:          "rate(otelkv_export_failures_total[5m]) > 0",
	Trap:           "It is there only on a pipeline of package exporters. What is pushed cannot be seen where the push fails: look at a scrape.",
}
