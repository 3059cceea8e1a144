// SPDX-License-Identifier: Apache-2.0

package otelkv

// Version returns the release of this module, which the instrumentation scope
// carries. It follows semantic versioning.
func Version() string { return version }

const version = "0.1.0"

// ScopeName is the name of the instrumentation scope of every metric that a
// recorder emits.
const ScopeName = "github.com/otelkv/otelkv-go/otelkv"
