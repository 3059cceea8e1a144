# `make` is what a change must pass before it is sent.
GO ?= go
GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK ?= $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s
PROMETHEUS ?= prometheus

# The packages of all modules of go.work. The modules in internal that measure, draw and test from end to
# end are not in it: their requirements are large.
PACKAGES = $(shell $(GO) list -m -f '{{.Dir}}/...')

.PHONY: all
all: format vet lint test ## format, vet, lint and test: what a change must pass

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

# Each module without the others of go.work, with the lowest versions that it requires, of Go too.
.PHONY: alone
alone: ## test each module alone, with the lowest versions that it requires
	./.ci/alone

# Takes about an hour.
.PHONY: mutate
mutate: ## print small changes of the code that its tests do not notice
	$(GO) run ./internal/tools/mutate -short -n 60 ./otelkv ./otelkv/tiering ./otelkv/ingest ./exporters ./exporters/prometheus

.PHONY: race
race: ## run the tests under the race detector
	$(GO) test -race work

# Every fuzz target, FUZZTIME each.
.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	./.ci/fuzz $(FUZZTIME)

# Writes golden files and generated docs anew.
.PHONY: golden
golden: ## write golden files and generated docs again
	cd internal/docs && $(GO) generate ./...
	$(GO) test ./schema/vllm ./exporters/prometheus -update

# The benchmarks with their peers, once.
.PHONY: bench
bench: ## run every benchmark once
	cd internal/benchmarks && GOWORK=off $(GO) test -run '^$$' -bench . ./...

# The tables of docs/performance.md, from six runs, which take some minutes. Leave the machine alone meanwhile.
.PHONY: bench-table
bench-table: ## measure six times and write the generated table of costs
	cd internal/benchmarks && GOWORK=off $(GO) run ./cmd/table ../../docs/performance.md

# The end-to-end tests. A real Prometheus and a real OpenTelemetry Collector are built first, which
# takes minutes the first time. OTELKV_E2E_REQUIRED=1 makes it an error if they cannot be.
.PHONY: e2e
e2e: ## test against a real Prometheus and OpenTelemetry Collector
	cd internal/e2e && export GOWORK=off && $(GO) run ./cmd/servers && OTELKV_E2E_BUILT=1 $(GO) test -count 1 -timeout 15m ./...

# The plugin of vllm/ against the released vLLM package, which is installed into a folder that goes with
# the run. OTELKV_VLLM_REQUIRED=1 makes it an error if the package index cannot be reached.
.PHONY: vllm
vllm: ## test the Python plugin against the released vLLM package
	./.ci/vllm

# The dashboard's pictures in docs/images, from a run of some minutes.
.PHONY: pictures
pictures: ## draw the dashboard's pictures in docs/images
	cd internal/pictures && GOWORK=off $(GO) run . -prometheus $(PROMETHEUS)

# What must hold before a release is tagged.
.PHONY: release-check
release-check: ## check what must hold before a release is tagged
	./.ci/release-check
