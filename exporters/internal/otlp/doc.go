// SPDX-License-Identifier: Apache-2.0

// Package otlp makes the exporter of OTLP, by gRPC or by HTTP. It reads the standard
// environment variables, which package exporters lists, and refuses what of them the
// upstream exporters would silently go on without.
package otlp
