# Most targets need only Go; one that needs more says so. GOFLAGS from outside is
# ignored, so that a build is the same everywhere.
export GOFLAGS :=
export GOTOOLCHAIN := local

GO       ?= go
VERSION  ?= $(shell cross/package/version program)
VCS      := $(shell [ ! -f .version ] && git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)
SOURCE_DATE_EPOCH ?= $(shell cross/package/epoch)
# What runs once a command, a connection, a status or a rare reading is not inlined: 1.2 MB less.
# What each reading passes through is, and each byte under TLS. The last pattern that fits counts.
COLD     := archive/tar crypto/ecdh crypto/ecdsa crypto/elliptic crypto/hpke crypto/internal/fips140/ecdsa crypto/internal/fips140/mlkem \
	crypto/internal/fips140/rsa crypto/rsa crypto/tls crypto/x509/... encoding/asn1 encoding/json flag fmt io/fs log/... math/big \
	mime/... net net/http/... net/netip net/textproto net/url os/... path/filepath regexp/... text/template/... vendor/golang.org/x/crypto/cryptobyte/... \
	vendor/golang.org/x/net/... vendor/golang.org/x/text/... github.com/... go.bug.st/... golang.org/x/net/... golang.org/x/oauth2/... golang.org/x/sys/... rsc.io/... \
	compress/... container/... context encoding/base64 encoding/hex encoding/pem errors reflect sort syscall time crypto/internal/fips140/check \
	crypto/internal/fips140/drbg crypto/internal/fips140/ed25519 crypto/internal/fips140/edwards25519/... crypto/internal/fips140/hkdf \
	crypto/internal/fips140/sha3 crypto/internal/fips140/tls12 crypto/internal/fips140/tls13 portti/cmd/... portti/device/... portti/systemd \
	bufio go.etcd.io/... hash/... internal/poll portti/uplink
HOT      := github.com/gorilla/... portti/device portti/device/clock/... portti/device/fields portti/device/jsonline portti/device/nmea portti/device/thingsee portti/device/ubx
INLINE   := $(COLD:%=-gcflags=%=-l) $(HOT:%=-gcflags=%=)
# nethttpomithttp2: half a megabyte less. WebSocket is HTTP/1.1, which every token server speaks too.
BUILD    := CGO_ENABLED=0 $(GO) build -tags nethttpomithttp2 $(INLINE) -trimpath -buildvcs=$(VCS) -ldflags "-s -w -buildid= -X main.version=$(VERSION) -X main.built=$(SOURCE_DATE_EPOCH)"
LINT     := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
RACE     := $(shell command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)
TEST     := $(GO) test -vet=off $(TESTFLAGS)
# A larger GOGC where tests make much garbage for long: a fifth less of the
# processor, measured, for some megabytes of memory.
EMULATED := GOGC=800 CGO_ENABLED=0 $(TEST) -short -timeout 15m -exec
LONGER   := TestPowerCutWhileSalvaging|TestPowerCutDuringImport|TestNthOperationFailsWhileImporting|TestDamageOverFullSegments

# Settings of single targets, such as: make fuzz ROOMS=./device/... FUZZTIME=1m
FUZZTIME ?= 20s
CUTS     ?= 20000
DAMAGES  ?= 10000
LIVES    ?= 2000
MINUTES  ?= 40
ROOMS    ?=

.PHONY: help build run test storage simulation nightly lint lines site pictures fuzz armv6 arm64 bench compare cross package release peers faults container clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/portti for this machine
	$(BUILD) -o bin/portti ./cmd/portti

run: build ## build and show the demo: no hardware, no server, no root
	bin/portti demo

test: ## every test that needs only Go (with the race detector where a C compiler is found)
	@$(if $(RACE),,echo "no C compiler found: testing without the race detector")
	$(if $(RACE),CGO_ENABLED=1) $(TEST) $(RACE) ./...

lint: ## gofmt, vet (also for 32-bit ARM), golangci-lint
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' | xargs -r ls 2>/dev/null)); [ -z "$$bad" ] || { echo "gofmt would change:"; echo "$$bad"; exit 1; }
	$(GO) vet ./... && GOARCH=arm $(GO) vet ./... && $(GO) vet -tags "peers faults figures pages" ./... && $(LINT) run

storage: ## what the race detector slows too much, CUTS power cuts and DAMAGES damages of the buffer (three minutes)
	GOGC=400 CGO_ENABLED=0 $(TEST) -skip '^($(LONGER))$$' ./buffer/... ./device
	GOGC=400 PORTTI_CUTS=$(CUTS) PORTTI_DAMAGES=$(DAMAGES) CGO_ENABLED=0 $(TEST) -timeout 20m -count=1 -run '^(TestPowerCut|$(LONGER))$$' ./buffer

simulation: ## LIVES (2,000) simulated lives of a whole gateway, with every fault at random; a fleet of 100,000 and days of the link (three minutes)
	CGO_ENABLED=0 $(TEST) -count=1 ./uplink
	GOGC=400 CGO_ENABLED=0 $(TEST) -timeout 20m -count=1 -run '^TestSimulation$$' ./cmd/portti/gateway -args -sim.runs $(LIVES)

armv6: ## the rooms on an emulated ARMv6 (qemu-user-static)
	GOARCH=arm GOARM=6 $(EMULATED) qemu-arm-static $(or $(ROOMS),./buffer/... ./device/... ./uplink/...)

arm64: ## the rooms on an emulated ARM of 64 bits (qemu-user-static)
	GOARCH=arm64 $(EMULATED) qemu-aarch64-static $(or $(ROOMS),./buffer/... ./device/... ./uplink/...)

nightly: build ## the long forms of everything above with new seeds, for MINUTES (40; root)
	GO="$(GO)" cross/nightly $(MINUTES)

fuzz: ## every fuzz target of ROOMS for FUZZTIME (20s), three at a time
	GO="$(GO)" FUZZTIME=$(FUZZTIME) cross/fuzz $(or $(ROOMS),./...)

lines: ## lines of code and tests by room, next to their ceilings
	@cross/lines

bench: build ## docs/figures.md, about twelve minutes (FIGURES=long: twenty; ROWS='idle|stop': these; AGAINST=HEAD~1: next to that commit)
	GO="$(GO)" cross/bench

compare: build ## the same faults for portti, Telegraf and a Python script (two minutes; python3-websockets)
	GO="$(GO)" cross/compare/compare

cross: ## dist/portti_linux_{armv6,armv7,arm64,amd64,riscv64}
	GO="$(GO)" BUILD='$(BUILD)' cross/build

package: ## dist/*.{deb,rpm,apk,ipk} for arm64, armhf (ARMv6), amd64 and riscv64 (ARCHES='armhf': these)
	GO="$(GO)" BUILD='$(BUILD)' cross/package/package

release: ## everything that a release has, of a clean commit: RELEASE=1.2.3 tags it first; SIGN='gpg -ab' signs the checksums
	GO="$(GO)" BUILD='$(BUILD)' cross/package/release $(RELEASE)

site: ## the documentation as static pages in dist/site (mkdocs)
	cross/site

pictures: ## docs/img: what portti status, portti top and the page look like now (chromium, npm)
	CI=true $(GO) test -vet=off -count=1 -tags peers -run '^TestPictures$$' ./cmd/portti/console/... ./cmd/portti/web -update

peers: build ## tests against node, python, nginx, gpsd ... (.ci/run installs them)
	GO="$(GO)" cross/tagged peers $(TESTFLAGS)

faults: build ## tests that cut power, links and processes (.ci/run installs what they need; root)
	GO="$(GO)" cross/tagged faults -parallel 4 $(TESTFLAGS)

container: build ## the service under systemd in a container (root, mmdebstrap, systemd-container)
	.ci/container bin/portti

clean: ## remove what was built
	rm -rf bin dist
