package docs

import "github.com/otelkv/otelkv-go/schema"

// What the dashboard shows of a sidecar's receiver, as far as queries need it. The
// receiver's own package defines these metrics in full.
var (
	ingestBatches = schema.Int64Counter{
		Name: "otelkv.ingest.batches", PrometheusName: "otelkv_ingest_batches", LabelNames: []string{"outcome"},
	}
	ingestRefusedBatches = schema.Int64Counter{
		Name: "otelkv.ingest.refused_batches", PrometheusName: "otelkv_ingest_refused_batches", LabelNames: []string{"reason"},
	}
	ingestDroppedPayloads = schema.Int64Counter{
		Name: "otelkv.ingest.dropped_payloads", PrometheusName: "otelkv_ingest_dropped_payloads",
	}
	ingestEngines = schema.Int64Gauge{
		Name: "otelkv.ingest.engines", PrometheusName: "otelkv_ingest_engines",
	}
)
