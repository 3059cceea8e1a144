// SPDX-License-Identifier: Apache-2.0

// Package docs writes what operators read, from the catalogue: the reference of
// metrics, the constants for their names, the telemetry schema with their
// renames, the dashboard, and the rules with their tests.
//
// `go generate` writes the files anew, and this package's tests fail while one of
// them is not what the catalogue says.
package docs

//go:generate go run ./generate ../..
