# `make` is what a change must pass before it is sent.
GO ?= go
GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK ?= $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s
PROMETHEUS ?= prometheus

.PHONY: all
all: format vet lint test

.PHONY: format
format:
	gofmt -w $$(git ls-files '*.go')

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: lint
lint:
	$(STATICCHECK) ./...
	$(GOLANGCI_LINT) run ./...

.PHONY: test
test:
	$(GO) test ./...

.PHONY: race
race:
	$(GO) test -race ./...

# Every fuzz target, FUZZTIME each.
.PHONY: fuzz
fuzz:
	./.ci/fuzz $(FUZZTIME)

# Writes golden files and generated docs anew.
.PHONY: golden
golden:
	$(GO) generate ./...
	$(GO) test ./schema/vllm ./exporters/prometheus -update

# The benchmarks with their peers, once.
.PHONY: bench
bench:
	cd internal/benchmarks && $(GO) test -run '^$$' -bench . ./...

# The README's table of costs, from six runs, which take some minutes. Leave the machine alone meanwhile.
.PHONY: bench-table
bench-table:
	cd internal/benchmarks && $(GO) run ./cmd/table ../../README.md

# The end-to-end tests. A real Prometheus and a real OpenTelemetry Collector are built first, which
# takes minutes the first time. OTELKV_E2E_REQUIRED=1 makes it an error if they cannot be.
.PHONY: e2e
e2e:
	cd internal/e2e && $(GO) run ./cmd/servers && OTELKV_E2E_BUILT=1 $(GO) test -count 1 -timeout 15m ./...

# The plugin of vllm/ against the released vLLM package, which is installed into a folder that goes with
# the run. OTELKV_VLLM_REQUIRED=1 makes it an error if the package index cannot be reached.
.PHONY: vllm
vllm:
	./.ci/vllm

# The dashboard's pictures in docs/images, from a run of some minutes.
.PHONY: pictures
pictures:
	cd internal/pictures && $(GO) run . -prometheus $(PROMETHEUS)

# What must hold before a release is tagged.
.PHONY: release-check
release-check:
	./.ci/release-check
