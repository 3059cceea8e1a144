// SPDX-License-Identifier: Apache-2.0

// Package cleanenv keeps what a developer's shell says to OpenTelemetry out of
// tests, which set the variables that they are about themselves.
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
