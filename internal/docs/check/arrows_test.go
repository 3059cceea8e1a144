// SPDX-License-Identifier: Apache-2.0

// Package check tests the repository as a whole.
package check

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/otelkv/otelkv-go/"

// TestArrows checks the dependencies that docs/design.md allows each package, direct and
// indirect.
func TestArrows(t *testing.T) {
	const (
		api        = "go.opentelemetry.io/otel"
		prometheus = "github.com/prometheus/"
		pushers    = "go.opentelemetry.io/otel/exporters"
		grpc       = "google.golang.org/grpc"
	)
	for _, arrow := range []struct {
		packages string
		deny     []string
	}{
		{"./schema", []string{api, prometheus, module + "otelkv", module + "exporters", module + "internal", "go.yaml.in", "github.com/"}},
		{"./schema/vllm", []string{api, prometheus, module + "otelkv", module + "exporters", "go.yaml.in"}},
		{"./otelkv/registry", []string{api, prometheus, module + "exporters"}},
		{"./otelkv/peers", []string{api, prometheus, module + "exporters"}},
		{"./otelkv/stats", []string{api, prometheus, module + "exporters"}},
		{"./otelkv/tiering", []string{api, prometheus, module + "exporters"}},
		{"./otelkv/connector", []string{api, prometheus, module + "exporters", module + "otelkv/tiering"}},
		{"./otelkv", []string{prometheus, pushers, grpc, module + "exporters"}},
		{"./otelkv/otelkvtest", []string{prometheus, pushers, grpc, module + "exporters"}},
		{"./exporters/prometheus", []string{pushers, grpc, module + "exporters/internal", module + "otelkv/otelkvtest", module + "examples"}},
		{"./exporters/...", []string{module + "otelkv/otelkvtest", module + "examples"}},
	} {
		t.Run(arrow.packages, func(t *testing.T) {
			for _, dependency := range dependencies(t, arrow.packages) {
				for _, denied := range arrow.deny {
					if strings.HasPrefix(dependency, denied) && !own(dependency, denied) {
						t.Errorf("depends on %s, which docs/design.md forbids", dependency)
					}
				}
			}
		})
	}
}

// own reports whether a dependency is a package of this repository, where the rule means
// other modules of the same host.
func own(dependency, denied string) bool {
	return !strings.HasPrefix(denied, module) && strings.HasPrefix(dependency, module)
}

func dependencies(t *testing.T, packages string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", packages)
	cmd.Dir = "../../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", packages, err)
	}
	return strings.Fields(string(out))
}
