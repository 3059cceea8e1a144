// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"slices"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A group is a set of metrics that one part of vLLM declares.
type group struct {
	title   string
	text    string
	metrics []schema.Metric
}

// groups returns every metric that the reference describes, in its order.
func groups() []group {
	self := group{
		title: "The recorder itself",
		text:  "A recorder with the option `otelkv.WithSelfMetrics` counts these of itself. They are exported with the other metrics.",
	}
	for d := range selfmetrics.Catalogue().All() {
		self.metrics = append(self.metrics, d)
	}
	receiver := group{
		title: "The receiver",
		text:  "A receiver of package `otelkv/ingest` counts these if its recorder has the option `otelkv.WithSelfMetrics(ingest.Catalogue())`, as the sidecar's has.",
	}
	for d := range ingest.Catalogue().All() {
		receiver.metrics = append(receiver.metrics, d)
	}
	unmerged := group{
		"Not merged",
		"These names are only in pull requests and branches of vLLM. No release and no catalogue has them, and they may change. `vllm.TieringSpec().With(vllm.Unmerged()...)` adds them.",
		vllm.Unmerged(),
	}
	return append(vllmGroups(), unmerged, self, receiver)
}

// vllmGroups returns the metrics of package vllm that vLLM has, or had.
func vllmGroups() []group {
	return []group{
		{
			"Connector",
			"Every engine with an offloading connector has these. A load goes from offload storage to the GPU, and a store goes back.",
			vllm.Connector(),
		},
		{
			"CPU cache",
			"The cache in host memory. If there are several tiers, it is the primary tier.",
			vllm.CPU(2),
		},
		{
			"Tiering",
			"Secondary tiers below the CPU cache. A promotion reads data from a secondary tier into the CPU cache, and a cascade writes data to the tier. The label `tier` is `<index>:<type>`, and `0:primary` is the CPU cache.",
			vllm.Tiering(),
		},
		{
			"Back-pressure",
			"Stores that are dropped because a tier is slow.",
			vllm.BackPressure(),
		},
		{
			"Configuration",
			"Static facts, as labels of a series that is always 1. The pull request that adds it to vLLM is open.",
			[]schema.Metric{vllm.ConfigInfo(vllm.CPUConfigLabelNames()...)},
		},
		{
			"Simple CPU connector",
			"The metrics of the simple CPU offload connector, which has none of the metrics above.",
			vllm.SimpleCPU(),
		},
		{
			"Simple CPU connector, pool gauges",
			"Another design for the same connector, together with the connector's metrics. vLLM did not adopt it, but some programs read these names.",
			vllm.SimpleCPUPool(),
		},
		{
			"Deprecated",
			"The first names of these metrics. They repeat the metrics of loads and stores with a label for the direction, and exist from the start.",
			vllm.Deprecated(),
		},
		{
			"Retired",
			"Names that vLLM dropped. No catalogue has them. `vllm.TieringSpec().With(vllm.Retired()...)` adds them for programs that still read them.",
			vllm.Retired(),
		},
		{
			"Scheduler",
			"Routers read these before they send a request to an engine. No catalogue has them. `vllm.TieringSpec().With(vllm.Scheduler()...)` adds them for a service that takes the place of an engine.",
			vllm.Scheduler(),
		},
		{
			"External prefix cache",
			"Tokens of prompts that a KV connector had. No catalogue has these. `vllm.TieringSpec().With(vllm.ExternalPrefixCache()...)` adds them.",
			vllm.ExternalPrefixCache(),
		},
	}
}

// definitions returns the definitions of groups.
func definitions(groups []group) []schema.Definition {
	var all []schema.Definition
	for _, g := range groups {
		for _, m := range g.metrics {
			all = append(all, m.Definition())
		}
	}
	return all
}

// specifications returns the functions whose catalogue has the metric.
func specifications(d schema.Definition) []string {
	var names []string
	for _, s := range []struct {
		name      string
		catalogue *schema.Catalogue
	}{
		{"vllm.CPUSpec", vllm.CPUSpec(2)},
		{"vllm.TieringSpec", vllm.TieringSpec()},
		{"vllm.SimpleCPUSpec", vllm.SimpleCPUSpec()},
		{"vllm.SimpleCPUPoolSpec", vllm.SimpleCPUPoolSpec()},
		{"otelkv.WithSelfMetrics", selfmetrics.Catalogue()},
		{"ingest.Catalogue", ingest.Catalogue()},
	} {
		if _, ok := s.catalogue.Lookup(d.PrometheusName); ok {
			names = append(names, s.name)
		}
	}
	return names
}

// sampleNames returns the names of the metric's samples as a scrape shows them.
func sampleNames(d schema.Definition) []string {
	if d.Kind() == schema.KindHistogram {
		return []string{d.PrometheusName + "_bucket", d.PrometheusName + "_count", d.PrometheusName + "_sum"}
	}
	return []string{d.SampleName()}
}

// labelNames returns the labels of every sample of the metric, the engine's
// first.
func labelNames(d schema.Definition) []string {
	if ofProcess(d) {
		return d.LabelNames
	}
	return slices.Concat([]string{schema.LabelModelName, schema.LabelEngine}, d.LabelNames)
}

// ofProcess reports whether a metric is about the whole process and has no engine labels:
// all self-metrics except the age of an engine's payload.
func ofProcess(d schema.Definition) bool {
	return isOwn(d) && d.PrometheusName != selfmetrics.PayloadAge.PrometheusName
}

// isOwn reports whether a metric is about this module, and not vLLM's.
func isOwn(d schema.Definition) bool {
	_, recorder := selfmetrics.Catalogue().Lookup(d.PrometheusName)
	_, receiver := ingest.Catalogue().Lookup(d.PrometheusName)
	return recorder || receiver
}
