// SPDX-License-Identifier: Apache-2.0

// Command pictures draws the panels of docs/dashboards for the documentation. It runs a
// Prometheus server and the example tieredcache for some minutes, sends Prometheus the
// queries of the dashboard, and writes a picture of each row.
//
//	cd internal/pictures
//	go run . -prometheus /path/to/prometheus
//
// It is a module of its own, so that users of the library do not depend on a plotting
// library.
package main
