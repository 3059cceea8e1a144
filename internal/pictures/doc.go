// SPDX-License-Identifier: Apache-2.0

// Command pictures draws the panels of docs/dashboards from a real run, for the
// documentation. It runs a Prometheus server and the example tieredcache for some
// minutes, asks Prometheus for what Grafana would, and writes one picture for
// each row of the dashboard.
//
//	cd internal/pictures
//	go run . -prometheus /path/to/prometheus
//
// It is a module of its own, so that no user of the library pays for what draws.
package main
