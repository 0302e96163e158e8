# Tận Nhà. `make help` lists everything; only Python >= 3.11 and make are needed.
PYTHON ?= python3
BIN := .venv/bin
RUN_READY := .venv/.run-ready
DEV_READY := .venv/.dev-ready
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help run demo reset test test-long faults bench check docs lock audit sbom backup restore clean browser

# Where events and data live: BROKER=embedded or kafka, DATABASE=sqlite or postgres.
BROKER ?= embedded
DATABASE ?= sqlite
PLACE := --broker $(BROKER) --database $(DATABASE)
# The PostgreSQL server is one of the development packages.
READY := $(if $(filter postgres,$(DATABASE)),.venv/.dev-ready,.venv/.run-ready)

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: $(READY) ## Start everything with demo data, print the addresses; Ctrl-C stops it
	@exec $(BIN)/python -m deploy.run $(PLACE)

demo: $(READY) ## Drive a whole simulated day through the public APIs and check that nothing is lost
	@exec $(BIN)/python -m deploy.demo $(PLACE)

reset: ## Forget all data of `make run`
	@rm -rf var

test: $(DEV_READY) browser ## All tests (under 10 minutes on 2 cores)
	@exec $(BIN)/python -m pytest -n 3 --dist loadgroup -m "not long"

test-long: $(DEV_READY) ## What takes longer: on Apache Kafka and PostgreSQL, all four pairs, backup under load
	@exec $(BIN)/python -m pytest -n 2 --dist loadgroup -m long

faults: $(DEV_READY) ## The long fault run: kill -9 and worse while people work; prints what was lost (nothing)
	@exec $(BIN)/python -m tests.faults $(PLACE)

bench: $(DEV_READY) ## What the guarantees cost, beside bare clients; ratios and build/bench.json
	@exec $(BIN)/python -m tests.bench

check: $(DEV_READY) ## Lint, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy shared services deploy tests
	$(BIN)/lint-imports

docs: $(DEV_READY) ## Renew what is generated: event schemas, catalogue, AsyncAPI, metrics
	$(BIN)/python -m shared.contracts.schema
	$(BIN)/python -m shared.contracts.catalogue
	$(BIN)/python -m shared.observability.catalogue

backup: $(READY) ## A consistent copy of the running product, taken without stopping it, into backups/
	@exec $(BIN)/python -m deploy.backup $(PLACE) $(if $(DATA),--data $(DATA))

restore: $(READY) ## FROM=backups/... DATA=new-folder: brings a backup back in an empty place
	@test -n "$(FROM)" -a -n "$(DATA)" || { echo "make restore FROM=backups/... DATA=new-folder"; exit 1; }
	@exec $(BIN)/python -m deploy.backup.restore $(FROM) --data $(DATA) $(PLACE)

audit: $(DEV_READY) ## Known vulnerabilities of the pinned packages (0 none, 1 some, 2 cannot tell)
	@exec $(BIN)/python -m deploy.audit

sbom: $(DEV_READY) ## build/sbom.json (CycloneDX) and build/licences.csv
	@exec $(BIN)/python -m deploy.sbom

lock: $(DEV_READY) ## Pin requirements*.in with hashes (needs the tool uv on the PATH)
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements.in -o requirements.lock
	uv pip compile -q --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements-dev.in -c requirements.lock -o requirements-dev.lock

clean: ## Remove the environment and caches
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache

browser: $(DEV_READY) # Chromium for the browser tests: found, or installed where apt-get and root are at hand
	@$(BIN)/python -m deploy.browser

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed: make PYTHON=python3.x"; exit 1; }
	@echo "Preparing the environment (once) ..."
	@$(PYTHON) -m venv .venv

DISTRIBUTIONS := -e shared -e services/intake -e services/routing -e services/postal_bridge

$(RUN_READY): requirements.lock shared/pyproject.toml services/intake/pyproject.toml services/routing/pyproject.toml services/postal_bridge/pyproject.toml package-lock.json | .venv/bin/python
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation $(DISTRIBUTIONS)
	@$(BIN)/python -m deploy.assets
	@touch $@

$(DEV_READY): requirements-dev.lock $(RUN_READY)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
