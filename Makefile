# Every target says what it needs. `make` alone shows them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOLANGCI_VERSION := v2.15.0
BIN := $(CURDIR)/bin
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
VERSION ?= dev
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
FUZZTIME ?= 10s

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: dev
dev: ## Run everything on this machine: plugin, simulator, board page, tracker
	go run ./cmd/plugin dev

.PHONY: build
build: ## Build bin/plugin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/plugin ./cmd/plugin

.PHONY: test
test: ## Run all tests; a redis-server, Chromium and Redmine are used where they are there
	@if command -v redis-server >/dev/null; then echo "test: embedded Redis and $$(redis-server --version | cut -d' ' -f1-3)"; else echo "test: embedded Redis only (no redis-server on the PATH)"; fi
	go test -timeout 25m ./...
	cd internal/proof/conformance && go test ./...
	cd deploy/check && go test ./...

.PHONY: race
race: ## Run all tests under the race detector
	go test -race -timeout 25m ./...
	cd internal/proof/conformance && go test -race -timeout 25m ./...

.PHONY: lint
lint: $(GOLANGCI) ## Check format, vet and the house rules (import direction among them)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'lint: run gofmt -w on these'; exit 1; }
	$(GOLANGCI) run ./...
	cd internal/proof/conformance && go vet ./...
	cd deploy/check && go vet ./...

$(GOLANGCI):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

VULNDB ?= https://vuln.go.dev
.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what is called (needs the Go vulnerability database: VULNDB=https://... or file://...)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db $(VULNDB) ./...

.PHONY: e2e
e2e: build ## 200 pushes into a real Redmine, 30 through a described target and 8 in each of its Markdowns, and issues that change afterwards, by real processes (needs redis-server and Debian's redmine)
	go run ./internal/proof/e2e -plugin $(BIN)/plugin -limit 15m

REDMINE_DIR ?= $(shell dirname $$(mktemp -u))/pushbutton-redmine-$(shell id -u)
.PHONY: redmine
redmine: ## Ask a real Redmine, in each of its text formats, what it makes of our markup, and run the adapter's conformance suite on it (needs deploy/redmine/install.sh)
	deploy/redmine/with.sh $(REDMINE_DIR) go test -count 1 -timeout 30m -run 'TestRedmine|TestReal' ./internal/richtext ./internal/targets/redmine

RT_DIR ?= $(shell dirname $$(mktemp -u))/pushbutton-rt-$(shell id -u)
.PHONY: rt
rt: ## Run the conformance suite of a described target on a real Request Tracker (needs deploy/requesttracker/install.sh)
	deploy/requesttracker/with.sh $(RT_DIR) go test -count 1 -timeout 30m -run TestRequestTrackerConformance ./internal/targets/httptarget

SEED ?= 1
SEEDS ?= 1
.PHONY: chaos
chaos: build ## Kill, freeze and restart everything under 5,000 clicks and check that every promise was kept: SEED=7, SEEDS=20, CHAOSFLAGS='-short', '-parallel 4'
	go run ./internal/proof/chaos -plugin $(BIN)/plugin -seed $(SEED) -seeds $(SEEDS) $(CHAOSFLAGS)

.PHONY: outage
outage: build ## Freeze and kill Redis under 200 clicks a second: refusals in time, recovery, memory, log
	go run ./internal/proof/chaos -plugin $(BIN)/plugin -outage $(CHAOSFLAGS)

.PHONY: rolling
rolling: build ## Restart every process in turn under 200 clicks a second: nothing refused, lost or doubled
	go run ./internal/proof/chaos -plugin $(BIN)/plugin -rolling $(CHAOSFLAGS)

ROUNDS ?= 200
.PHONY: refresh
refresh: ## Prove that an OAuth session survives 8 processes with kills: ROUNDS=20 (needs redis-server); then that it is lost without the lock
	go build -o $(BIN)/refresh ./internal/proof/e2e/refresh
	$(BIN)/refresh -rounds $(ROUNDS)
	$(BIN)/refresh -rounds 5 -naive

MUTANTS := nofence:duplicates nointent:duplicates noreadback:stuck
.PHONY: chaos-mutants
chaos-mutants: ## Prove that chaos can fail: without fencing, attempt record and read-back it must find duplicates, duplicates and stuck buttons
	@set -euo pipefail; go build -o $(BIN)/chaos ./internal/proof/chaos; \
	for m in $(MUTANTS); do go build -tags mutant_$${m%%:*} -o $(BIN)/plugin-$${m%%:*} ./cmd/plugin; done; \
	pids=(); for m in $(MUTANTS); do \
	  $(BIN)/chaos -plugin $(BIN)/plugin-$${m%%:*} -seed $(SEED) -short -quiet 3m -expect $${m#*:} > $(BIN)/chaos-$${m%%:*}.json & pids+=($$!); done; \
	failed=0; for m in $(MUTANTS); do \
	  if wait $${pids[0]}; then echo "chaos-mutants: $${m%%:*}: found, as it must: $${m#*:} ($(BIN)/chaos-$${m%%:*}.json)"; \
	  else echo "chaos-mutants: $${m%%:*}: NOT found: $${m#*:}"; failed=1; fi; pids=("$${pids[@]:1}"); done; exit $$failed

.PHONY: refresh-chaos
refresh-chaos: build ## Change 5,000 issues after the push while everything is killed and frozen, and check that buttons follow: SEED=7, SEEDS=3, CHAOSFLAGS=-short
	go run ./internal/proof/chaos -refresh -plugin $(BIN)/plugin -seed $(SEED) -seeds $(SEEDS) $(CHAOSFLAGS)

REFRESH_MUTANTS := hiddengone:falsely-deleted noobservefence:wrong,undone,lost,stuck
.PHONY: refresh-chaos-mutants
refresh-chaos-mutants: ## Prove that refresh-chaos can fail: it must find buttons that say Deleted of hidden issues, and readings that undo clicks
	@set -euo pipefail; go build -o $(BIN)/chaos ./internal/proof/chaos; failed=0; for m in $(REFRESH_MUTANTS); do \
	  name=$${m%%:*}; CGO_ENABLED=0 go build -tags mutant_$$name -o $(BIN)/plugin-$$name ./cmd/plugin; \
	  if $(BIN)/chaos -refresh -plugin $(BIN)/plugin-$$name -seed $(SEED) -short -quiet 3m -expect $${m#*:} > $(BIN)/chaos-$$name.json; then echo "refresh-chaos-mutants: $$name: found, as it must: $${m#*:} ($(BIN)/chaos-$$name.json)"; \
	  else echo "refresh-chaos-mutants: $$name: NOT found: $${m#*:}"; failed=1; fi; done; exit $$failed

.PHONY: hostile
hostile: build ## Have one tenant send whatever a seed makes up while another one clicks, and hold memory, time and quotas against their bounds: SEED=7, SEEDS=10, HOSTILEFLAGS=-short
	go run ./internal/proof/hostile -plugin $(BIN)/plugin -seed $(SEED) -seeds $(SEEDS) $(HOSTILEFLAGS)

HOSTILE_MUTANTS := nobudget:templates:broken,slow,stuck nolimits:answers:grown,died nolimits+uncut:answers:quota nospans:items:grown,died
.PHONY: hostile-mutants
hostile-mutants: ## Prove that hostile can fail: without budgets of templates, limits of answers, limits of texts and limits of spans it must find something
	@set -euo pipefail; go build -o $(BIN)/hostile ./internal/proof/hostile; failed=0; for m in $(HOSTILE_MUTANTS); do \
	  IFS=: read -r tags kinds finds <<<"$$m"; program=$(BIN)/plugin-$$tags; \
	  CGO_ENABLED=0 go build -tags "mutant_$${tags//+/ mutant_}" -o $$program ./cmd/plugin; \
	  if $(BIN)/hostile -plugin $$program -seed $(SEED) -short -kinds $$kinds -expect $$finds >/dev/null; then echo "hostile-mutants: $$tags: found, as it must: $$finds"; \
	  else echo "hostile-mutants: $$tags: NOT found: $$finds"; failed=1; fi; done; exit $$failed

.PHONY: bench
bench: ## Measure clicks, workers, memory and start-up against bare references, side by side, in at most 15 minutes (BENCHFLAGS=-short)
	go run ./internal/proof/bench $(BENCHFLAGS)

.PHONY: bench-fairness
bench-fairness: ## Measure what a neighbour with 100,000 pushes waiting and a bad tracker does to other tenants' clicks (needs redis-server; BENCHFLAGS=-short)
	go run ./internal/proof/bench -fairness $(BENCHFLAGS)

.PHONY: bench-tenants
bench-tenants: ## Load 10,000 tenants with 10 million connections and measure lists, searches and clicks (needs redis-server and 14 GB of memory; BENCHFLAGS=-short)
	go run ./internal/proof/bench -tenants $(BENCHFLAGS)

.PHONY: bench-refresh
bench-refresh: ## Measure clicks while 10,000 buttons follow their issues, the way from webhook to button, a sweep over 100,000 connections, and lost webhooks (needs redis-server; BENCHFLAGS=-short)
	go run ./internal/proof/bench -refresh $(BENCHFLAGS)

CLUSTER_SUITES := admin/audit admin/auth admin/deletion admin/idempotency connections jobs limits/ratelimit refresh tenants tenants/register
.PHONY: cluster
cluster: ## Run the suites of the stores on a real Redis Cluster of three nodes (needs redis-server)
	REDISTEST_CLUSTER=1 go test -count 1 -p 2 -timeout 10m $(addprefix ./internal/,$(CLUSTER_SUITES))

PUSHES ?= 200000
.PHONY: soak
soak: ## Make PUSHES pushes (200,000) and account for every byte that is left in Redis
	go run ./internal/proof/bench -soak $(PUSHES)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s each)
	@set -euo pipefail; for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz: $$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
	  done; done

WIKIMARKUP := internal/proof/conformance/wikimarkup
.PHONY: wikimarkup
wikimarkup: ## Read our wiki markup with Atlassian's own parser and compare it with our ADF (needs node 20 and npm)
	cd $(WIKIMARKUP) && npm ci --ignore-scripts --no-audit --no-fund --silent
	@set -euo pipefail; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	  WIKIMARKUP_DIR="$$dir" go test -count=1 -run '^TestWriteWikiDocuments$$' ./internal/richtext; \
	  node $(WIKIMARKUP)/check.mjs "$$dir"

.PHONY: deploy
deploy: ## Check manifests, Compose files, alert rules and dashboard against their types and the plugin (promtool where it is there)
	cd deploy/check && go test -count 1 ./...

.PHONY: image
image: ## Build the container image (needs a container engine)
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t pushbutton/plugin:$(VERSION) .
