// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"fmt"
	"strings"
	"sync"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/internal/guard"
)

// WithoutCollectors returns a gatherer that gathers from g, and leaves out families with
// the name of a collector's metric. Use it to send the metrics of a registry beside the
// collectors' own. It does not collect the collectors. Gathering never fails: it returns
// the families that come with an error of g, and nothing if g panics or takes more than
// five seconds. All of this is reported to the error handler of package otel, and so are
// families that are left out.
func WithoutCollectors(g promclient.Gatherer, collectors ...*Collector) promclient.Gatherer {
	return newOthers(g, takenNames(collectors))
}

// others gather metrics that no collector has.
type others struct {
	gathering *guard.Call[[]*dto.MetricFamily]
	taken     map[string]bool
	reported  sync.Map // of names
}

func newOthers(g promclient.Gatherer, taken map[string]bool) *others {
	return &others{
		gathering: guard.New("a gatherer", func(context.Context) ([]*dto.MetricFamily, error) { return g.Gather() }),
		taken:     taken,
	}
}

// takenNames returns the names that other families cannot have: those of the collectors'
// families and of their samples.
func takenNames(collectors []*Collector) map[string]bool {
	taken := make(map[string]bool)
	for _, c := range collectors {
		for _, f := range c.families {
			taken[f.name] = true
			switch f.kind {
			case dto.MetricType_COUNTER:
				// The name of the family in OpenMetrics.
				taken[strings.TrimSuffix(f.name, "_total")] = true
			case dto.MetricType_HISTOGRAM:
				for _, suffix := range []string{"_bucket", "_count", "_sum"} {
					taken[f.name+suffix] = true
				}
			}
		}
	}
	return taken
}

// Gather returns the families.
func (o *others) Gather() ([]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTimeout)
	defer cancel()
	gathered, _ := o.gathering.Start(ctx).Wait(ctx)
	return o.without(gathered, make(map[string]bool)), nil
}

// without returns the families whose names are neither taken nor seen before, and adds
// their names to those seen. It reports each of the others once.
func (o *others) without(gathered []*dto.MetricFamily, seen map[string]bool) []*dto.MetricFamily {
	var families []*dto.MetricFamily
	for _, f := range gathered {
		name := f.GetName()
		if !o.taken[name] && !seen[name] {
			seen[name] = true
			families = append(families, f)
		} else if _, known := o.reported.LoadOrStore(name, true); !known {
			otel.Handle(fmt.Errorf("otelkv: metric %q of a gatherer is left out: another has the name", name))
		}
	}
	return families
}
