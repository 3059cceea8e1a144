// SPDX-License-Identifier: Apache-2.0

// Package e2e holds the tests of otelkv against the programs that its users run
// and against what goes wrong. It is a module of its own, so that no user of the
// library pays for what the tests depend on.
//
//	make e2e        # from the repository's root
//	go test ./...   # from here; -short makes the soak shorter
//	go test ./soak -soak 10m
//
// The packages:
//
//   - routes: a real Prometheus and a real OpenTelemetry Collector receive what
//     services measure, by every route, and PromQL must return all of it: also
//     beside a host's own collectors, over mutual TLS, and with hostile labels.
//   - dashboards: the queries that people have, evaluated by Prometheus over what
//     tieredcache exposes, and the parser of a router that reads it.
//   - docs: the dashboard and the rules that operators are given.
//   - faults: collectors and scrapers that fail in every way.
//   - processes: every program is signalled, killed, started again, and given full,
//     read-only and foreign folders; a fleet's batches count once through all of that.
//   - soak: load, engines that come and go, and a flood of label values.
//
// Package servers builds the programs, with go install and the Collector's
// builder, into $OTELKV_E2E_BIN, or else into a folder of the user's cache
// directory. The first time takes a few minutes. Where a program cannot be built
// the tests that need it are skipped and say why; OTELKV_E2E_REQUIRED=1 makes
// them fail instead, and OTELKV_E2E_BUILT=1 keeps them from building. Every
// server listens on loopback and is stopped by the test that started it.
package e2e
