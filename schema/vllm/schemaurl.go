// SPDX-License-Identifier: Apache-2.0

package vllm

// SchemaURL identifies the names of this package: it is the schema URL of the
// telemetry schema in schema.yaml, which tells what older names became. Its last
// element is the version of the module that last changed a name, as the
// OpenTelemetry specification asks ("Schema URL").
const SchemaURL = "https://otelkv.github.io/otelkv-go/schema/0.1.0"
