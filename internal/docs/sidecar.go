// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema"
)

// ingestMetric returns a receiver's metric by its Prometheus name. For an unknown name it
// returns an empty definition, which is an error in a query.
func ingestMetric(name string) schema.Metric {
	d, _ := ingest.Catalogue().Lookup(name)
	return d
}
