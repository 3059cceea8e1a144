// SPDX-License-Identifier: Apache-2.0

package vllm

// SchemaURL is the schema URL of the names in this package. It identifies the telemetry
// schema in schema.yaml, which lists changes of names. Its last element is the version of
// the module that last changed a name, as the OpenTelemetry specification requires
// ("Schema URL").
const SchemaURL = "https://otelkv.github.io/otelkv-go/schema/0.1.0"
