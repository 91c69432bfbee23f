# Two commands on a fresh machine (Debian, Go, a C compiler):
#   make run    builds and starts the demonstration site in ./data
#   make test   installs what the tests need and runs them
# The longer proofs: make bench, make fuzz, make soak, make race, make lint.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export CGO_ENABLED := 1

GO      ?= go
ADDR    ?= 127.0.0.1:8470
DATA    ?= ./data
SHARED  ?= ../shared
FUZZTIME ?= 60s
BENCHTIME ?= 1s
LINT_VERSION := v2.15.0

.PHONY: build run test race bench fuzz soak lint refdata browser clean

build:
	@mkdir -p bin
	$(GO) build -trimpath -o bin/sallyport ./cmd/sallyport

run: build
	./bin/sallyport demo --addr $(ADDR) --data $(DATA)

# The browser tests drive Debian's chromium. It is installed only when absent,
# and the command that does so is printed.
browser:
	@if command -v chromium >/dev/null 2>&1; then \
	  echo "browser tests: $$(chromium --version 2>/dev/null | head -1)"; \
	elif [ "$$(id -u)" = 0 ]; then \
	  echo "browser tests need chromium: apt-get install -y chromium"; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
	elif command -v sudo >/dev/null 2>&1; then \
	  echo "browser tests need chromium: sudo apt-get install -y chromium"; \
	  sudo apt-get update -q && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
	else \
	  echo "browser tests need chromium; as root: apt-get install chromium" >&2; exit 1; \
	fi

test: browser
	$(GO) vet ./...
	$(GO) test -timeout 9m -parallel 4 ./...

# Counts of allocations hold without the race detector only.
race:
	$(GO) test -race -timeout 40m -skip 'TestBenchmarkFacts|TestDecodeAllocates' ./gate/... ./rf/... ./ui/... ./policy/... ./vin/...

bench:
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	@cd policy/bench && if $(GO) list -deps ./... >/dev/null 2>&1; then \
	  $(GO) test -count=1 -v -bench . -benchmem -benchtime $(BENCHTIME) . && $(GO) run ./size; \
	else echo "SKIPPED: the comparison in policy/bench needs cel-go, cedar-go and OPA, and their modules are not at hand" >&2; fi

# Every fuzz target of every package, one after the other.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$target ($(FUZZTIME))"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$pkg; \
	  done; \
	done

# The real program killed with signal 9 under load, 200 times at random moments; and
# eight lanes' radio at full load, with a hostile sensor at the end.
soak: build
	SALLYPORT_SOAK_HOURS=72 $(GO) test -count=1 -timeout 30m -run TestLaneSoak -v ./gate
	$(GO) test -count=1 -timeout 30m -run TestLaneModel -rapid.checks=10000 ./gate
	SALLYPORT_GALLERY=whole $(GO) test -count=1 -timeout 30m ./ui/gallery
	SALLYPORT_SOAK=200 $(GO) test -count=1 -timeout 60m -run 'TestKill|TestRadioLoad' -v ./cmd/sallyport

lint:
	@test -x bin/golangci-lint-$(LINT_VERSION) || { \
	  echo "installing golangci-lint $(LINT_VERSION) into bin/"; \
	  GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION); \
	  mv bin/golangci-lint bin/golangci-lint-$(LINT_VERSION); }
	bin/golangci-lint-$(LINT_VERSION) run

# Rebuilds the embedded reference data from its public sources in $(SHARED).
refdata: build
	bin/sallyport refdata build vpic --sqlite $(SHARED)/data/vin/vpic-lite-2026.sqlite.gz --lookups $(SHARED)/data/vin/vpic-2026-08-lookups.json --world $(SHARED)/data/vin/wmi-world.csv --out vin/vpic.idx
	bin/sallyport refdata build supply --from $(SHARED)/data/supply --out policy/supply/supply.json
	bin/sallyport refdata build telematics --from $(SHARED)/data/telematics --out vin/telematics/catalogue.json
	bin/sallyport refdata build rf --from $(SHARED)/data/rf --out rf/prefixes.tsv
	git status --short vin policy rf

clean:
	rm -rf bin
