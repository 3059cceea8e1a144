// SPDX-License-Identifier: Apache-2.0

// Package peers has catalogues of the tier metrics of systems other than vLLM: [LMCache],
// [SGLang] and [TensorRTLLM]. A service that replaces one of these systems can use them to
// keep its dashboards. Scrapes show the exact names of the system, and OTLP carries names
// that OpenTelemetry allows.
//
// [TierOf] returns what each system calls a tier.
//
// The catalogues are YAML files in the form that package registry reads. They contain
// names, units and labels, but not the rules by which a system counts. No other catalogue
// contains them.
package peers
