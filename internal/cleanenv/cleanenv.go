// SPDX-License-Identifier: Apache-2.0

// Package cleanenv removes the environment variables of OpenTelemetry from tests. A test
// sets those that it needs.
package cleanenv

import (
	"os"
	"strings"
)

// Unset unsets every variable of OpenTelemetry. Call it in TestMain.
func Unset() {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "OTEL_") {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
}
