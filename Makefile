# Everything a developer does, by name: `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export STRICT ?=

ARCH    := $(shell node -p process.arch)
ADDON   := prebuilds/linux-$(ARCH)/termshim.node
ASAN    := build/asan/termshim.node
# The launcher finds the package by its own path, so both builds of it stand one level below the top. It is static: nothing
# that LD_PRELOAD names gets into it.
LAUNCHER      := bin/containerd-shim-termshim-v2
PROGRAMS      := $(LAUNCHER) bin/termshim bin/termshim-runtime-pty bin/termshim-log-driver
LAUNCHER_ASAN := build/containerd-shim-termshim-v2
# Mounts and unmounts, each time in a process of its own.
MOUNTER       := bin/termshim-mounter
MOUNTER_ASAN  := build/termshim-mounter
# A Node installation has its headers beside its program.
NODE_INCLUDE ?= $(shell node -p 'require("node:path").resolve(process.execPath, "../../include/node")')
PROGRAM_CFLAGS := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Werror
CFLAGS  := $(PROGRAM_CFLAGS) -fPIC -fvisibility=hidden -isystem $(NODE_INCLUDE)
# For what may run as root: a buffer that overflows ends the process. Some compilers define _FORTIFY_SOURCE themselves.
HARDENED  := -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
# Without _FORTIFY_SOURCE: its checks would hide from the sanitizers what they look for.
SANITIZED := -O1 -g -U_FORTIFY_SOURCE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
SOURCES := $(wildcard native/*.c)
LAUNCHER_SOURCES := $(wildcard native/launcher/*.c)
MOUNTER_SOURCES := $(wildcard native/mounter/*.c)
# Of those whose code the bundles contain. @bufbuild/protobuf has them in its sources.
wire  := node_modules/@bufbuild/protobuf/dist/esm/wire
terms  = tail -v -n +1 node_modules/{commander,ms,smol-toml,valibot,ws}/[Ll][Ii][Cc]*; \
  head -v -n 13 $(wire)/binary-encoding.js; head -v -n 33 $(wire)/varint.js
# As few files as a program can start from, in CommonJS: docs/benchmarks.md, "Start-up", says why.
esbuild  = esbuild --platform=node --target=node20 --out-extension:.js=.cjs --sourcemap --sources-content=false \
  --log-level=warning
# What ws would use if it were installed is not.
bundle   = --bundle --external:node-pty '--external:@xterm/*' --define:process.env.WS_NO_BUFFER_UTIL='"1"' \
  --define:process.env.WS_NO_UTF_8_VALIDATE='"1"'
commonjs = --format=cjs --define:import.meta.dirname=__dirname --supported:dynamic-import=false \
  --log-override:empty-import-meta=error
BENCHES := $(patsubst bench/c/%.c,build/bench/%,$(wildcard bench/c/*.c))
PROTOS  := $(patsubst proto/%,%,$(sort $(shell find proto -name '*.proto')))
PREFIX  ?= /usr/local
SECONDS := 60

# What runs on each Node: all unit tests on the oldest and the newest, those of the addon on the one between.
units_of = $(call compiled,$(if $(filter 22,$(1)),$(ADDON_TESTS),$(UNIT_TESTS)))
# How many test files run at the same time. Unit tests wait more than they compute.
JOBS := 2
node_test = node --test --test-reporter=spec --test-concurrency=$(JOBS)
compiled = $(patsubst %.ts,dist/%.js,$(1))
# Messages alone: no JSON, no classes. 64-bit numbers are bigint, and a Timestamp keeps its nanoseconds.
generate = protoc --proto_path=proto --plugin=node_modules/.bin/protoc-gen-ts_proto --ts_proto_out=$(1) \
  --ts_proto_opt=esModuleInterop=true,importSuffix=.js,exportCommonSymbols=false,annotateFilesWithVersion=false \
  --ts_proto_opt=forceLong=bigint,useDate=false,enumsAsLiterals=true,unrecognizedEnum=false \
  --ts_proto_opt=outputServices=generic-definitions,outputTypeAnnotations=static-only \
  --ts_proto_opt=outputJsonMethods=false,outputPartialMethods=false $(PROTOS)
E2E_TESTS  := $(sort $(wildcard test/e2e/*/*.test.ts))
UNIT_TESTS := $(filter-out $(E2E_TESTS),$(sort $(shell find test -name '*.test.ts')))
# The tests that go through the addon most, for the sanitizers.
ADDON_TESTS := $(filter test/native/% test/os/% test/stdio/%,$(UNIT_TESTS))
e2e_named   = $(foreach name,$(1),$(or $(wildcard test/e2e/$(name).test.ts),$(error there is no test/e2e/$(name).test.ts)))
# Those that meet other versions of containerd, Docker and the runtimes. TESTS names others.
NEWER_TESTS := $(call e2e_named,console/terminal cri/* external-shim/* logs/*-ctr run/exec run/terminal run/modes run/oci-runtime run/run \
  run/signals shim/*)
# `make test` runs these of them: where the versions differ most.
NEWER_FIRST := $(call e2e_named,cri/* logs/*-ctr run/exec run/oci-runtime run/run shim/answers shim/ctr shim/docker shim/options \
  shim/restart shim/rootfs shim/ttrpc-go)
TESTS ?= $(NEWER_TESTS)
SUITE ?= trixie

# The parts of `make test`, each with its time limit: twice its time on two cores at rest. LIMIT is for all of them.
PARTS ?= lint=5m node-20=15m e2e=35m asan=12m valgrind=14m newer=12m node-22=6m node-24=15m
LIMIT ?= 80m
C_FILES      = $(shell find native bench/c -name '*.[ch]')
SHELL_FILES  = $(shell find .ci demo.sh scripts test -type f -exec awk 'FNR == 1 && /^#!.*sh$$/ { print FILENAME }' {} +)
# Without the tool the rest of a recipe line is left out; with STRICT=1 the line fails.
needs = command -v $(1) >/dev/null || { echo 'not checked: $(2) ($(1) is missing: make setup)' >&2; [ "$$STRICT" != 1 ]; exit; }

.PHONY: help setup build check test unit e2e fuzz newer lint fmt docs proto bench demo clean install asan valgrind

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / {sub("%", "N", $$1); printf "  %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: node_modules ## install what the tests need: npm packages and, if you are root, Debian packages
	@./scripts/install-packages.sh

build: node_modules $(ADDON) $(PROGRAMS) $(MOUNTER) dist/web/page.js ## compile everything and bundle the programs
	@rm -rf dist/src dist/test dist/bench
	tsc -p tsconfig.json
	@rm -rf dist/bundle build/cli && mkdir -p dist/bundle
	$(esbuild) $(bundle) $(commonjs) --outbase=src --outdir=dist/bundle src/cli/programs/{log-driver,runtime-pty}.ts \
	  src/shim/{main,daemon}.ts src/screen/thread/worker.ts
	@# A part for each verb. esbuild splits ES modules only, so these become CommonJS in a second step.
	$(esbuild) $(bundle) --splitting --format=esm --outdir=build/cli src/cli/main.ts
	$(esbuild) $(commonjs) --outdir=dist/bundle/cli build/cli/*.cjs
	@($(terms)) >dist/bundle/LICENSES

check: lint unit ## run lint and the unit tests: what to run after each change

# A part is a target of its own, run one after the other. A part that fails does not stop the next one.
test: export TESTS = $(NEWER_FIRST)
test: setup ## install what the tests need, build, run every test (STRICT=1: a skipped test fails)
	$(MAKE) build
	@node scripts/run-parts.mjs $(LIMIT) $(PARTS)

unit node-%: JOBS := 3
unit: build ## run the unit tests on this Node (minutes, no root)
	$(node_test) --test-timeout=120000 $(call compiled,$(UNIT_TESTS))

e2e: build ## run the end-to-end tests with real runc, crun, containerd and terminals (20 minutes, root)
	$(node_test) --test-timeout=300000 $(call compiled,$(E2E_TESTS))

fuzz: build ## send random bytes to the web server, the daemon, the shim and the console socket, for SECONDS=60 each
	FUZZ_SECONDS=$(SECONDS) $(node_test) $(call compiled,$(wildcard test/e2e/fuzz/*.test.ts))

newer: build $(if $(BENCH),$(BENCHES) build/bench/attach-to-fifos.cjs) ## run end-to-end tests with the programs of Debian SUITE=trixie or sid (TESTS='test/e2e/x.test.ts', BENCH='--rows shim')
	@if ! test/newer/can-run.sh >/dev/null; then \
	  [ "$$STRICT" != 1 ]; \
	else \
	  test/newer/make-root.sh $(SUITE) build/newer/$(SUITE); \
	  test/newer/run.sh build/newer/$(SUITE) $(if $(BENCH),node dist/bench/run.js $(BENCH),$(node_test) \
	    --test-timeout=300000 $(call compiled,$(TESTS))); \
	fi

lint: node_modules ## check formatting, lint rules, shell scripts, imports and generated code
	biome format --error-on-warnings
	oxlint --type-aware --deny-warnings src test bench scripts
	node scripts/check-house.mjs
	tsc -p scripts/api/tsconfig.json
	node scripts/api/docs.mjs build/api | diff - docs/api.md || { echo 'docs/api.md is not what the doc comments say: make docs' >&2; exit 1; }
	@$(call needs,clang-format,C files); clang-format --dry-run --Werror $(C_FILES)
	@$(call needs,shellcheck,shell scripts); shellcheck --severity=warning $(SHELL_FILES)
	@$(call needs,protoc,src/ttrpc/gen against proto); rm -rf build/gen && mkdir -p build/gen && $(call generate,build/gen) \
	  && diff -r src/ttrpc/gen build/gen || { echo 'src/ttrpc/gen is not what proto says: make proto' >&2; exit 1; }

fmt: node_modules ## format the sources
	biome format --write
	@$(call needs,clang-format,C files); clang-format -i $(C_FILES)

docs: node_modules ## make docs/api.md from the doc comments
	tsc -p scripts/api/tsconfig.json
	node scripts/api/docs.mjs build/api >docs/api.md

proto: node_modules ## generate src/ttrpc/gen from proto (needs protoc)
	rm -rf src/ttrpc/gen && mkdir -p src/ttrpc/gen
	$(call generate,src/ttrpc/gen)

bench: build $(BENCHES) build/bench/attach-to-fifos.cjs ## measure termshim beside other programs and plain C (BENCH=--quick)
	node dist/bench/run.js $(BENCH)

demo: build ## show the main job on the embedded runtime (no root, no runc)
	@./demo.sh

install: ## install the commands under PREFIX=/usr/local
	@mkdir -p build && rm -f build/termshim-*.tgz
	npm pack --pack-destination build --loglevel=error
	npm install --global --prefix $(DESTDIR)$(PREFIX) --loglevel=error ./build/termshim-*.tgz

clean: ## remove all that was built or installed in this directory
	rm -rf build dist prebuilds node_modules $(PROGRAMS) $(MOUNTER)

# The npm package of each major holds the program.
node-%: build/nodes/%/node_modules/node-linux-$(ARCH)/bin/node build ## run the unit tests on Node 20, 22 or 24 (minutes, no root)
	@echo "unit tests on Node $$($(CURDIR)/$< --version)"
	@PATH="$(CURDIR)/$(<D):$$PATH" $(node_test) --test-timeout=120000 $(call units_of,$*)

# make would remove the program after the tests.
.SECONDARY:
build/nodes/%/node_modules/node-linux-$(ARCH)/bin/node:
	npm install --prefix build/nodes/$* --no-save --no-audit --no-fund --loglevel=error node-linux-$(ARCH)@$*

# A report of either sanitizer ends the process that made it, and so the test. The programs that tests run inherit ASan:
# they may die of a signal as ever (handle_segv=0).
asan: build $(ASAN) $(LAUNCHER_ASAN) $(MOUNTER_ASAN) ## run the tests of the addon with AddressSanitizer and UBSan (5 minutes)
	LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:handle_segv=0 \
	UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1 TERMSHIM_ADDON=$(CURDIR)/$(ASAN) \
	TERMSHIM_LAUNCHER=$(CURDIR)/$(LAUNCHER_ASAN) TERMSHIM_MOUNTER=$(CURDIR)/$(MOUNTER_ASAN) \
	$(node_test) --test-timeout=120000 $(call compiled,$(ADDON_TESTS) $(filter test/shim/launcher%,$(UNIT_TESTS)))

valgrind: build ## run the tests of the addon with valgrind (6 minutes)
	./scripts/valgrind.sh $(call compiled,$(filter test/native/%,$(UNIT_TESTS)))

$(ADDON): $(SOURCES) $(wildcard native/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HARDENED) -shared $(SOURCES) -o $@

$(ASAN): $(SOURCES) $(wildcard native/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZED) -shared $(SOURCES) -o $@

$(LAUNCHER): $(LAUNCHER_SOURCES) native/launcher/launcher.h Makefile
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) $(HARDENED) -s -static $(LAUNCHER_SOURCES) -o $@

# The name of the file says which program it is.
$(filter-out $(LAUNCHER),$(PROGRAMS)): $(LAUNCHER)
	cp $< $@

$(LAUNCHER_ASAN): $(LAUNCHER_SOURCES) native/launcher/launcher.h Makefile
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) $(SANITIZED) $(LAUNCHER_SOURCES) -o $@

$(MOUNTER): $(MOUNTER_SOURCES) native/mounter/mounter.h Makefile
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) $(HARDENED) $(MOUNTER_SOURCES) -o $@

$(MOUNTER_ASAN): $(MOUNTER_SOURCES) native/mounter/mounter.h Makefile
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) $(SANITIZED) $(MOUNTER_SOURCES) -o $@

# It runs in containers too, which have no libraries.
build/bench/program: PROGRAM_CFLAGS += -static

build/bench/%: bench/c/%.c $(wildcard bench/c/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) -O2 $< -o $@

build/bench/attach-to-fifos.cjs: bench/sessions/attach-to-fifos.ts $(shell find src/terminal src/os src/stdio -name '*.ts')
	$(esbuild) $(bundle) $(commonjs) --outdir=$(@D) $<

# What a browser gets, in three files: there is nothing to fetch from elsewhere.
dist/web/page.js: node_modules $(wildcard src/web/page/*) src/screen/limits.ts src/screen/links.ts
	tsc -p src/web/page
	esbuild src/web/page/page.ts src/web/page/page.css --bundle --minify --format=esm --outdir=$(@D) --log-level=warning
	cp src/web/page/index.html $(@D)

# Not `npm ci`: it refuses a lock file without the optional packages of other platforms, which not every registry has.
node_modules: package.json package-lock.json
	npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@
