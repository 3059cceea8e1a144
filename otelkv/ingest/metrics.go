// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// Catalogue returns the metrics that a receiver counts of itself. Pass it to
// otelkv.WithSelfMetrics, without which they are not emitted.
func Catalogue() *schema.Catalogue {
	return schema.MustCatalogue(batchesMetric, refusedMetric, recordsMetric, entriesMetric,
		payloadsMetric, samplesMetric, sendersMetric, enginesMetric, stateMetric)
}

// The labels and their values.
const (
	labelOutcome = "outcome"
	taken        = "taken"
	repeated     = "repeated"

	labelReason          = "reason"
	reasonTooManyEngines = "too_many_engines"
	reasonUndeclared     = "not_declared"
)

var batchesMetric = schema.Int64Counter{
	Name:           "otelkv.ingest.batches",
	PrometheusName: "otelkv_ingest_batches",
	Unit:           "{batch}",
	Description:    "Batches that counted, and batches that were sent again and were not counted again.",
	LabelNames:     []string{labelOutcome},
	LabelValues:    map[string][]string{labelOutcome: {taken, repeated}},
	Since:          "v0.2.0",
	Usage:          "A rate of zero while engines work means that senders do not reach this process.",
	Query:          "sum by (outcome) (rate(otelkv_ingest_batches_total[5m]))",
}

var refusedMetric = schema.Int64Counter{
	Name:           "otelkv.ingest.refused_batches",
	PrometheusName: "otelkv_ingest_refused_batches",
	Unit:           "{batch}",
	Description:    "Batches of which nothing counted, by reason.",
	LabelNames:     []string{labelReason},
	LabelValues:    map[string][]string{labelReason: refusalLabels()},
	Since:          "v0.2.0",
	Usage:          "Anything but zero means that a sender has a wrong configuration, or that there are more senders than this process accepts.",
	Query:          "sum by (reason) (rate(otelkv_ingest_refused_batches_total[5m])) > 0",
}

var recordsMetric = schema.Int64Counter{
	Name:           "otelkv.ingest.rejected_records",
	PrometheusName: "otelkv_ingest_rejected_records",
	Unit:           "{record}",
	Description:    "Records that were left out because their engine could not be declared, by reason.",
	LabelNames:     []string{labelReason},
	LabelValues:    map[string][]string{labelReason: {reasonTooManyEngines, reasonUndeclared}},
	Since:          "v0.2.0",
	Usage:          "Anything but zero means that engines are missing from the metrics. The answer to the sender names them.",
	Query:          "sum by (reason) (rate(otelkv_ingest_rejected_records_total[5m])) > 0",
}

var entriesMetric = schema.Int64Counter{
	Name:           "otelkv.ingest.malformed_entries",
	PrometheusName: "otelkv_ingest_malformed_entries",
	Unit:           "{entry}",
	Description:    "Entries of payloads that could not be decoded and were left out.",
	Since:          "v0.2.0",
	Usage:          "Anything but zero is a bug of a sender. The answer to it names the entries.",
	Query:          "rate(otelkv_ingest_malformed_entries_total[5m]) > 0",
	Trap:           "At most 65 entries of one payload are counted.",
}

var payloadsMetric = schema.Int64Counter{
	Name:           "otelkv.ingest.dropped_payloads",
	PrometheusName: "otelkv_ingest_dropped_payloads",
	Unit:           "{payload}",
	Description:    "Payloads that senders report as dropped because this process was down or too slow.",
	Since:          "v0.2.0",
	Usage:          "The totals lack what was in these payloads.",
	Query:          "increase(otelkv_ingest_dropped_payloads_total[1h]) > 0",
	Trap:           "A sender that dies before it delivers again reports nothing.",
}

var samplesMetric = schema.Int64Counter{
	Name:           "otelkv.ingest.dropped_samples",
	PrometheusName: "otelkv_ingest_dropped_samples",
	Unit:           "{sample}",
	Description:    "Histogram samples that senders report as dropped from payloads that they kept.",
	Since:          "v0.2.0",
	Usage:          "The histograms lack these samples. Counters and gauges are complete.",
	Query:          "increase(otelkv_ingest_dropped_samples_total[1h]) > 0",
}

var sendersMetric = schema.Int64Gauge{
	Name:           "otelkv.ingest.senders",
	PrometheusName: "otelkv_ingest_senders",
	Unit:           "{sender}",
	Description:    "Runs of senders that this process remembers, so that none of their batches counts twice.",
	Since:          "v0.2.0",
	Usage:          "It grows with each sender that starts, up to 1,024. Then new senders are refused until one was silent for an hour.",
	Query:          "otelkv_ingest_senders",
}

var enginesMetric = schema.Int64Gauge{
	Name:           "otelkv.ingest.engines",
	PrometheusName: "otelkv_ingest_engines",
	Unit:           "{engine}",
	Description:    "Engines that had records and were not removed.",
	Since:          "v0.2.0",
	Usage:          "Compare it with the number of engines that should send.",
	Query:          "otelkv_ingest_engines",
}

var stateMetric = schema.Int64Counter{
	Name:           "otelkv.ingest.state_failures",
	PrometheusName: "otelkv_ingest_state_failures",
	Unit:           "{failure}",
	Description:    "Times that the state file could not be written.",
	Since:          "v0.2.0",
	Usage:          "While it grows, a restart loses what arrived since the file was last written.",
	Query:          "rate(otelkv_ingest_state_failures_total[5m]) > 0",
}

// counts are the metrics as handles. They record nothing if the recorder does not emit
// them.
type counts struct {
	taken, repeated            otelkv.Int64Counter
	refused                    [len(refusals)]otelkv.Int64Counter
	tooManyEngines, undeclared otelkv.Int64Counter
	malformedEntries           otelkv.Int64Counter
	droppedPayloads            otelkv.Int64Counter
	droppedSamples             otelkv.Int64Counter
	senders, engines           otelkv.Int64Gauge
	stateFailures              otelkv.Int64Counter
}

// newCounts binds the metrics. It ignores errors: they say that the recorder was made
// without these metrics, which is the program's choice.
func newCounts(recorder *otelkv.Recorder) (c counts) {
	self := recorder.Self()
	if self == nil {
		return c
	}
	bind := func(m schema.Int64Counter, labelValues ...string) otelkv.Int64Counter {
		counter, _ := self.Int64Counter(m, labelValues...)
		counter.Add(0) // makes the series exist
		return counter
	}
	c.taken, c.repeated = bind(batchesMetric, taken), bind(batchesMetric, repeated)
	for why, r := range refusals {
		c.refused[why] = bind(refusedMetric, r.label)
	}
	c.tooManyEngines, c.undeclared = bind(recordsMetric, reasonTooManyEngines), bind(recordsMetric, reasonUndeclared)
	c.malformedEntries, c.stateFailures = bind(entriesMetric), bind(stateMetric)
	c.droppedPayloads, c.droppedSamples = bind(payloadsMetric), bind(samplesMetric)
	c.senders, _ = self.Int64Gauge(sendersMetric)
	c.engines, _ = self.Int64Gauge(enginesMetric)
	c.senders.Record(0)
	c.engines.Record(0)
	return c
}
