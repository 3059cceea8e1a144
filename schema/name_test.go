// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

// named returns a counter with other names than counter's.
func named(name, prometheusName string) schema.Metric {
	return counter(func(m *schema.Int64Counter) { m.Name, m.PrometheusName = name, prometheusName })
}

func gaugeNamed(name, prometheusName string) schema.Metric {
	return gauge(func(m *schema.Int64Gauge) { m.Name, m.PrometheusName = name, prometheusName })
}

var nameBreaches = []breach{
	{
		"name empty",
		[]schema.Metric{named("", "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"name with a colon",
		[]schema.Metric{named("kv:a", "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "kv:a" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"name begins with a digit",
		[]schema.Metric{named("1a", "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "1a" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"name too long",
		[]schema.Metric{named(strings.Repeat("a", 256), "kv:a")},
		"name",
		`otelkv: metric "kv:a": name "` + strings.Repeat("a", 256) + `" is no OpenTelemetry instrument name: expected a letter, then letters, digits and _.-/, at most 255 bytes`,
	},
	{
		"names that differ in case",
		[]schema.Metric{named("kv.Load", "kv:a"), named("kv.load", "kv:b")},
		"name-unique",
		`otelkv: metric "kv:b": name "kv.load" is that of metric "kv:a": expected names that differ in more than case`,
	},
	{
		"names that translate to one",
		[]schema.Metric{named("kv.tier/load", "kv:a"), named("kv-tier.load", "kv:b")},
		"name-translation",
		`otelkv: metric "kv:b": name "kv-tier.load" becomes "kv_tier_load" for prometheus, as does "kv.tier/load" of metric "kv:a"`,
	},
	{
		"name is another's prometheus name",
		[]schema.Metric{named("load", "kv:a"), named("kv.b", "load")},
		"name-ambiguous",
		`otelkv: metric "kv:a": name "load" is the prometheus name of another metric, "kv.b"`,
	},
	{
		"prometheus name empty",
		[]schema.Metric{named("kv.a", "")},
		"prometheus-name",
		`otelkv: metric "kv.a": prometheus name "" is no metric name: expected a letter, _ or :, then letters, digits, _ and :`,
	},
	{
		"prometheus name with a dot",
		[]schema.Metric{named("kv.a", "kv.a")},
		"prometheus-name",
		`otelkv: metric "kv.a": prometheus name "kv.a" is no metric name: expected a letter, _ or :, then letters, digits, _ and :`,
	},
	{
		"prometheus name begins with a digit",
		[]schema.Metric{named("kv.a", "1a")},
		"prometheus-name",
		`otelkv: metric "1a": prometheus name "1a" is no metric name: expected a letter, _ or :, then letters, digits, _ and :`,
	},
	{
		"prometheus name twice",
		[]schema.Metric{named("kv.a", "kv:a"), named("kv.b", "kv:a")},
		"prometheus-name-unique",
		`otelkv: metric "kv:a": prometheus name is used twice`,
	},
	{
		"counters with and without _total",
		[]schema.Metric{named("kv.a", "kv:a"), named("kv.b", "kv:a_total")},
		"sample-names",
		`otelkv: metric "kv:a_total": an exposition would show "kv:a" for it and for the counter "kv:a"
otelkv: metric "kv:a_total": an exposition would show "kv:a_total" for it and for the counter "kv:a"
otelkv: metric "kv:a_total": an exposition would show "kv:a_created" for it and for the counter "kv:a"`,
	},
	{
		"gauge with a counter's sample name",
		[]schema.Metric{named("kv.a", "kv:a"), gaugeNamed("kv.b", "kv:a_total")},
		"sample-names",
		`otelkv: metric "kv:a_total": an exposition would show "kv:a_total" for it and for the counter "kv:a"`,
	},
	{
		"gauge with a counter's OpenMetrics family",
		[]schema.Metric{named("kv.a", "kv:a_total"), gaugeNamed("kv.b", "kv:a")},
		"sample-names",
		`otelkv: metric "kv:a": an exposition would show "kv:a" for it and for the counter "kv:a_total"`,
	},
	{
		"gauge with a counter's creation time",
		[]schema.Metric{named("kv.a", "kv:a"), gaugeNamed("kv.b", "kv:a_created")},
		"sample-names",
		`otelkv: metric "kv:a_created": an exposition would show "kv:a_created" for it and for the counter "kv:a"`,
	},
	{
		"gauge with a histogram's count",
		[]schema.Metric{histogram(), gaugeNamed("kv.b", "kv:load_size_count")},
		"sample-names",
		`otelkv: metric "kv:load_size_count": an exposition would show "kv:load_size_count" for it and for the histogram "kv:load_size"`,
	},
	{
		"gauge with a histogram's sum",
		[]schema.Metric{histogram(), gaugeNamed("kv.b", "kv:load_size_sum")},
		"sample-names",
		`otelkv: metric "kv:load_size_sum": an exposition would show "kv:load_size_sum" for it and for the histogram "kv:load_size"`,
	},
	{
		"histogram after a gauge with its buckets' name",
		[]schema.Metric{gaugeNamed("kv.b", "kv:load_size_bucket"), histogram()},
		"sample-names",
		`otelkv: metric "kv:load_size": an exposition would show "kv:load_size_bucket" for it and for the gauge "kv:load_size_bucket"`,
	},
	{
		"gauge with a histogram's creation time",
		[]schema.Metric{histogram(), gaugeNamed("kv.b", "kv:load_size_created")},
		"sample-names",
		`otelkv: metric "kv:load_size_created": an exposition would show "kv:load_size_created" for it and for the histogram "kv:load_size"`,
	},
}
