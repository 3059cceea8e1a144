// SPDX-License-Identifier: Apache-2.0

// Package docs generates files from the catalogue: the reference of metrics, the
// constants of their names, the telemetry schema with their renames, the dashboards, and
// the rules with their tests.
//
// `go generate` writes the files. The tests of this package fail if a file differs from
// what the catalogue gives.
package docs

//go:generate go run ./generate ../..
