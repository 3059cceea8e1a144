// SPDX-License-Identifier: Apache-2.0

// Package registry reads and writes catalogues as YAML, in the form of an
// OpenTelemetry semantic convention registry: the format "definition/2" that
// OpenTelemetry's weaver takes.
//
// [Encode] writes the registry of a catalogue, and [Decode] reads one, so that a
// user can define metrics without writing Go. [Merge] adds a file's metrics to a
// catalogue, vLLM's for example:
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
// The instrument is counter, gauge or histogram, or updowncounter for a gauge that
// is additive. What a registry has no field for is in annotations: the Prometheus
// name under prometheus, and boundaries, mirrors and the rest of a
// schema.Definition under otelkv. The labels of the engine are written, and passed
// over when reading. Attributes are only described.
//
// The older form, "groups" without a file format, is read too.
//
// Reading is strict: a field that does not exist, a value of the wrong type and a
// definition that breaks a rule of package schema are errors, each with its line
// ([Error]). Writing a definition needs package schema alone; only programs that
// read YAML pay for this package.
package registry
