# Every target installs what it lacks first (npm packages into node_modules, tools into the cache
# folder) and says what it does. `make` alone lists the targets.
SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VELOCITY_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/velocity
export VELOCITY_CACHE
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):$(VELOCITY_CACHE)/bin

# The manifests that `make dev` applies and watches, and further options for it.
DIR ?= samples
ARGS ?=

.PHONY: help dev demo test lint fmt bench clean packages temporal kubernetes redis

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 14

dev: packages temporal ## run everything on this machine, watching DIR (samples); ARGS="--port 9000"
	@exec bin/velocity.mjs dev $(DIR) $(ARGS)

demo: packages ## load real data into a running `make dev` and ask it questions
	@node scripts/demo.ts $(ARGS)

test: packages temporal kubernetes redis ## types, lint, generated files, house rules, then every test
	@scripts/test.sh $(ARGS)

lint: packages ## types, lint and format, changing nothing
	@scripts/step.sh 'types' tsc --noEmit
	@scripts/step.sh 'lint and format' biome check --error-on-warnings .

fmt: packages ## format, sort imports and apply safe fixes
	@scripts/step.sh 'format' biome check --write .

bench: packages temporal ## measure against a hand-written service (5 min); ARGS="--changes" while schemas change, "--access" of access control
	@node bench/main.ts $(ARGS)

clean: ## remove what was built or installed here; .velocity (your data) and the cache stay
	rm -rf node_modules dist coverage *.tsbuildinfo
	@echo "kept: .velocity (data of make dev), $(VELOCITY_CACHE) (tools)"

packages:
	@scripts/setup.sh packages

temporal: packages
	@scripts/setup.sh temporal

kubernetes: packages
	@scripts/setup.sh kubernetes

redis: packages
	@scripts/setup.sh redis
