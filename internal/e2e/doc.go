// SPDX-License-Identifier: Apache-2.0

// Package e2e tests otelkv with the programs that its users run, and under faults. It is a
// module of its own, so that users of the library do not depend on what the tests need.
//
//	make e2e        # from the repository's root
//	go test ./...   # from here; -short makes the soak shorter
//	go test ./soak -soak 10m
//
// The packages:
//
//   - routes: a real Prometheus and a real OpenTelemetry Collector receive the metrics of
//     services by every route, and PromQL must return all of them: also beside a host's
//     own collectors, over mutual TLS, and with hostile labels.
//   - dashboards: Prometheus evaluates published queries with the metrics of the examples,
//     and the parser of a router reads them.
//   - docs: the dashboards and rules for operators.
//   - faults: collectors and scrapers that fail in every way.
//   - processes: every program is signalled, killed and restarted, and gets full, read-only
//     and other programs' folders. The batches of a fleet must count exactly once.
//   - soak: load, engines that come and go, and a flood of label values.
//
// Package servers builds the programs with go install and the Collector's builder, into
// $OTELKV_E2E_BIN or a folder of the user's cache directory. The first time takes some
// minutes. If a program cannot be built, the tests that need it are skipped and say why.
// OTELKV_E2E_REQUIRED=1 makes them fail instead, and OTELKV_E2E_BUILT=1 prevents builds.
// Every server listens on loopback and is stopped by the test that started it.
package e2e
