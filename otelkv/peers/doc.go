// SPDX-License-Identifier: Apache-2.0

// Package peers holds the tier metrics of systems other than vLLM as catalogues, so
// that a service which takes the place of one of them keeps its dashboards:
// [LMCache], [SGLang] and [TensorRTLLM]. Scrapes show the system's exact names, and
// OTLP carries names that OpenTelemetry allows.
//
// [TierOf] says what each system calls a tier.
//
// The catalogues are YAML files in the form that package registry reads. They hold
// names, units and labels, and know none of the rules by which a system counts. They
// are no part of any other catalogue.
package peers
