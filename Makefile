# Everything a developer does, by name. `make help` lists it.

SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export STRICT ?=

ARCH    := $(shell node -p process.arch)
ADDON   := prebuilds/linux-$(ARCH)/termshim.node
CC      ?= cc
# A Node installation has its headers beside its program.
NODE_INCLUDE ?= $(shell node -p 'require("node:path").resolve(process.execPath, "../../include/node")')
CFLAGS  := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -Wall -Wextra -Werror -isystem $(NODE_INCLUDE)
SOURCES := $(wildcard native/*.c)
BENCHES := $(patsubst bench/%.c,build/bench/%,$(wildcard bench/*.c))
PREFIX  ?= /usr/local

.PHONY: help build test unit e2e lint fmt bench demo clean install sanitize nodes

help: ## list the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-8s %s\n", $$1, $$2}'

build: node_modules $(ADDON) ## compile the addon and the TypeScript
	tsc -p tsconfig.json

$(ADDON): $(SOURCES) native/addon.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -O2 -shared $(SOURCES) -o $@

build/asan/termshim.node: $(SOURCES) native/addon.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined \
		-shared $(SOURCES) -o $@

node_modules: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@
