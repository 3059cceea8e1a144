// SPDX-License-Identifier: Apache-2.0

// Package registry reads and writes catalogues as YAML, in the form of an
// OpenTelemetry semantic convention registry: the format "definition/2" that
// OpenTelemetry's weaver takes.
//
// [Encode] writes a catalogue, and [Decode] reads one, so users can define metrics without
// writing Go. [Merge] adds the metrics of a file to a catalogue, for example to vLLM's:
//
//	file_format: definition/2
//	metrics:
//	  - name: my.tier.evictions
//	    brief: "Chunks that the tier evicted."
//	    instrument: counter
//	    unit: "{chunk}"
//	    stability: development
//	    attributes:
//	      - ref: tier
//	        requirement_level: required
//	    annotations:
//	      code_generation: {metric_value_type: int}
//	      prometheus: {name: "my:tier_evictions"}
//
// The instrument is counter, gauge or histogram, or updowncounter for an additive gauge.
// Annotations hold what a registry has no field for: the Prometheus name under prometheus,
// and boundaries, mirrors and the other fields of a schema.Definition under otelkv. Encode
// writes the labels of the engine too, and Decode ignores them. Encode describes the
// attributes, and Decode ignores the descriptions.
//
// Decode also reads the older form, with "groups" and without a file format.
//
// Reading is strict: an unknown field, a value of the wrong type, and a definition that
// breaks a rule of package schema are errors with a line number ([Error]). A file may have
// up to 1 MiB.
package registry
