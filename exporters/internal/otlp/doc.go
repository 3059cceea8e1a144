// SPDX-License-Identifier: Apache-2.0

// Package otlp makes the exporter of OTLP over gRPC or HTTP. It reads the standard
// environment variables, which package exporters lists, and refuses values that the
// upstream exporters would silently ignore.
package otlp
