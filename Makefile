# A change must pass `make`.
GO ?= go
GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK ?= $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s
PROMETHEUS ?= prometheus

# The packages of all modules of go.work. The benchmarks, the pictures and the end-to-end tests are not in
# go.work, because they have many requirements.
PACKAGES = $(shell $(GO) list -m -f '{{.Dir}}/...')

.PHONY: all
all: format vet lint test ## format, vet, lint and test

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: format
format: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

.PHONY: vet
vet: ## run go vet
	$(GO) vet work

.PHONY: lint
lint: ## run staticcheck and golangci-lint
	$(STATICCHECK) $(PACKAGES)
	$(GOLANGCI_LINT) run $(PACKAGES)

.PHONY: test
test: ## run the tests that need only Go
	$(GO) test work

# Tests each module without go.work, with the lowest versions of its requirements and of Go.
.PHONY: alone
alone: ## test each module alone, with the lowest versions that it requires
	./.ci/alone

# Takes about an hour.
.PHONY: mutate
mutate: ## print small changes of the code that no test notices
	$(GO) run ./internal/tools/mutate -short -n 60 ./otelkv ./otelkv/tiering ./otelkv/ingest ./exporters ./exporters/prometheus

.PHONY: race
race: ## run the tests with the race detector
	$(GO) test -race work

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	./.ci/fuzz $(FUZZTIME)

.PHONY: golden
golden: ## write golden files and generated docs
	cd internal/docs && $(GO) generate ./...
	$(GO) test ./schema/vllm ./exporters/prometheus -update

.PHONY: bench
bench: ## run every benchmark once
	cd internal/benchmarks && GOWORK=off $(GO) test -run '^$$' -bench . ./...

# Writes the tables of docs/performance.md from six runs, which take some minutes. Run nothing else meanwhile.
.PHONY: bench-table
bench-table: ## measure six times and write the tables of costs
	cd internal/benchmarks && GOWORK=off $(GO) run ./cmd/table ../../docs/performance.md ../../README.md

# The end-to-end tests. They first build a real Prometheus and a real OpenTelemetry Collector, which takes
# minutes the first time. With OTELKV_E2E_REQUIRED=1, it is an error if that fails.
.PHONY: e2e
e2e: ## test against a real Prometheus and OpenTelemetry Collector
	cd internal/e2e && export GOWORK=off && $(GO) run ./cmd/servers && OTELKV_E2E_BUILT=1 $(GO) test -count 1 -timeout 15m ./...

# Tests the plugin of vllm/ with a released vLLM, which is installed into a temporary folder. With
# OTELKV_VLLM_REQUIRED=1, it is an error if the package index cannot be reached.
.PHONY: vllm
vllm: ## test the Python plugin with a released vLLM
	./.ci/vllm

# Takes some minutes.
.PHONY: pictures
pictures: ## draw the pictures of the dashboard in docs/images
	cd internal/pictures && GOWORK=off $(GO) run . -prometheus $(PROMETHEUS)

.PHONY: release-check
release-check: ## check that a release can be tagged
	./.ci/release-check
