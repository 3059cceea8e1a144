// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"errors"
	"fmt"

	"github.com/otelkv/otelkv-go/schema"
)

func ExampleNewCatalogue() {
	evictions := schema.Int64Counter{
		Name:           "mycache.evictions",
		PrometheusName: "mycache_evictions",
		Unit:           "{chunk}",
		Description:    "Chunks evicted to make room.",
		LabelNames:     []string{schema.LabelTier},
	}
	fill := schema.Float64Gauge{
		Name:           "mycache.fill",
		PrometheusName: "mycache_evictions_total",
		Unit:           "percent",
		Description:    "Fraction of the chunks that hold data.",
	}

	_, err := schema.NewCatalogue(evictions, fill)
	fmt.Println(err)

	var breach schema.DefinitionError
	if errors.As(err, &breach) {
		fmt.Println("first:", breach.Metric, "breaks", breach.Rule)
	}

	fill.PrometheusName, fill.Unit = "mycache_fill", "1"
	catalogue, err := schema.NewCatalogue(evictions, fill)
	if err != nil {
		fmt.Println(err)
		return
	}
	for d := range catalogue.All() {
		fmt.Println(d.SampleName(), d.Kind(), d.Number(), d.Unit, d.LabelNames)
	}
	// Output:
	// otelkv: metric "mycache_evictions_total": an exposition would show "mycache_evictions_total" for it and for the counter "mycache_evictions"
	// otelkv: metric "mycache_evictions_total": unit "percent" is not understood: expected one of UCUM, such as "By", "s", "1", "{job}" or "s/MiBy", at most 63 bytes
	// first: mycache_evictions_total breaks sample-names
	// mycache_evictions_total counter int64 {chunk} [tier]
	// mycache_fill gauge float64 1 []
}

func ExampleCatalogue_Merge() {
	loadSize := schema.Histogram{
		Name:           "mycache.load_size",
		PrometheusName: "mycache_load_size",
		Unit:           "By",
		Description:    "Size of one load.",
		Boundaries:     []float64{1e6, 100e6},
	}
	jobs := schema.Int64Gauge{
		Name:           "mycache.jobs",
		PrometheusName: "mycache_jobs",
		Unit:           "{job}",
		Description:    "Jobs in flight.",
	}
	base := schema.MustCatalogue(loadSize, jobs)

	// A tier with larger loads brings a definition of its own.
	loadSize.Boundaries = []float64{100e6, 10e9}
	tier := schema.MustCatalogue(loadSize)

	merged, err := base.Merge(tier)
	if err != nil {
		fmt.Println(err)
		return
	}
	for d := range merged.All() {
		fmt.Println(d.PrometheusName, d.Boundaries)
	}
	// Output:
	// mycache_load_size [1e+08 1e+10]
	// mycache_jobs []
}
