# Start here: `make up` runs natsd, `make test` runs every test, `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help up test sanitize release bench format format-check deps test-deps clean

# Where SwiftPM builds; the released programs go to dist/.
SCRATCH ?= .build
# Arguments for deploy/up in `make up`, for the tests in `make test`, for the benchmark in `make bench`.
ARGS ?=

PROGRAMS := $(foreach name,natsd nack-controller exporter,$(if $(wildcard Sources/$(name)/*.swift),$(name)))
SWIFT_FILES := $(shell git ls-files -co --exclude-standard '*.swift')

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | column -t -s '|'

up: release ## build and run natsd, exporter and nack-controller until Ctrl-C (ARGS="--demo", ARGS="-p 4333")
	@exec deploy/up $(ARGS)

test: test-deps ## every test: format, build without warnings, units, static release, acceptance (ARGS="unit")
	@SCRATCH=$(SCRATCH) Tests/run $(ARGS)

sanitize: test-deps ## the server under load with ThreadSanitizer and AddressSanitizer, the unit tests with the latter
	@Tests/sanitize thread
	@Tests/sanitize address
	@Tests/sanitize units

release: deps ## static, stripped executables in dist/
	@SCRATCH=$(SCRATCH) Tests/release $(PROGRAMS)

bench: release test-deps ## compare with a real nats-server (ARGS="--help" for the options)
	@Benchmarks/run --server dist/natsd $(ARGS)

format: ## format the Swift sources in place
	swift format format --in-place $(SWIFT_FILES)

format-check: ## fail when a Swift source is not formatted
	swift format lint --strict $(SWIFT_FILES)

deps: ## install the Debian packages that building needs
	@Tests/rig/packages build
	@command -v swift >/dev/null || { echo 'Swift 6.3 or newer is needed: https://www.swift.org/install/linux' >&2; exit 1; }

test-deps: ## install the Debian packages that the tests need, where that is possible
	@Tests/rig/packages test || true

clean: ## remove what was built
	rm -rf $(SCRATCH) dist
