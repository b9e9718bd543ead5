# Everything here needs only Go, but for cross-checks that say what they need.
# GOFLAGS from outside is ignored, so that a build is the same everywhere.
export GOFLAGS :=
export GOTOOLCHAIN := local

GO       ?= go
FUZZTIME ?= 20s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
VCS      := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(VCS) -ldflags "-s -w -buildid= -X main.version=$(VERSION) -X main.built=$(SOURCE_DATE_EPOCH)"
LINT     := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
RACE     := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)
TEST     := $(GO) test -vet=off $(TESTFLAGS)
SAMPLED  := ./buffer ./device # their exhaustive loops take samples under the race detector

.PHONY: help build run test test-long storage simulation nightly lint fuzz bench cross peers faults container clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/portti for this machine
	$(BUILD) -o bin/portti ./cmd/portti

run: build ## build and show the demo: no hardware, no server, no root
	bin/portti demo

test: ## every test that needs only Go (with the race detector where a C compiler is found)
	@$(if $(RACE),,echo "no C compiler found: testing without the race detector")
	$(if $(RACE),CGO_ENABLED=1) $(TEST) $(RACE) ./...

test-long: ## the same, and every bit of a segment flipped (some minutes more)
	PORTTI_LONG=1 $(TEST) -timeout 1h ./...

lint: ## gofmt, vet (also for 32-bit ARM), golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' | xargs -r ls 2>/dev/null) | tee /dev/stderr)"
	$(GO) vet ./... && GOARCH=arm $(GO) vet ./... && $(GO) vet -tags "peers faults figures" ./... && $(LINT) run

storage: ## what the race detector slows too much, 20,000 power cuts and 10,000 damages of the buffer (three minutes)
	CGO_ENABLED=0 $(TEST) $(SAMPLED)
	PORTTI_CUTS=20000 PORTTI_DAMAGES=10000 CGO_ENABLED=0 $(TEST) -timeout 20m -count=1 -run '^(TestPowerCut|TestPowerCutWhileSalvaging|TestPowerCutDuring.*|TestNthOperationFailsWhile(Importing|Migrating)|TestDamageOverFullSegments)$$' ./buffer

simulation: ## 2,000 simulated lives of a whole gateway, with every fault at random, and a fleet of 100,000 (three minutes)
	CGO_ENABLED=0 $(TEST) -count=1 -run '^TestFleet' ./uplink
	GOGC=400 CGO_ENABLED=0 $(TEST) -timeout 20m -count=1 -run '^TestSimulation$$' ./cmd/portti/daemon -args -sim.runs 2000

nightly: ## the same ten times over, every bit of a segment, 500 kills in each mode, every call of the disk (hours; root)
	PORTTI_LONG=1 PORTTI_CUTS=200000 PORTTI_DAMAGES=100000 PORTTI_SEED=$$$$ $(TEST) -timeout 6h -count=1 ./buffer
	PORTTI_KILLS=500 PORTTI_NTH=all PORTTI_SEED=$$$$ $(TEST) -tags faults -timeout 6h -count=1 -run 'KillLoop|NthDiskCall' ./cmd/portti/faults

fuzz: ## every fuzz target for FUZZTIME (20s), three at a time
	GO="$(GO)" FUZZTIME=$(FUZZTIME) cross/fuzz

bench: build ## the table of figures in the README, about five minutes (FIGURES=long: twenty)
	GO="$(GO)" cross/bench

cross: ## dist/portti_linux_{armv6,armv7,arm64,amd64,riscv64}
	BUILD='$(BUILD)' cross/build

peers: build ## tests against node, python, nginx, gpsd ... (.ci/run installs them)
	GO="$(GO)" cross/tagged peers $(TESTFLAGS)

faults: build ## tests that cut power, links and processes (some need root and /dev/fuse)
	GO="$(GO)" cross/tagged faults $(TESTFLAGS)

container: build ## the service under systemd in a container (root, mmdebstrap, systemd-container)
	.ci/container bin/portti

clean: ## remove what was built
	rm -rf bin dist
