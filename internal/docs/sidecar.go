// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema"
)

// ingestMetric returns a metric of a sidecar's receiver by its name in Prometheus. An
// unknown name gives an empty definition, which no query accepts.
func ingestMetric(name string) schema.Metric {
	d, _ := ingest.Catalogue().Lookup(name)
	return d
}
