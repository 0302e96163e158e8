# Tận Nhà. `make help` lists everything; only Python >= 3.11 and make are needed.
PYTHON ?= python3
BIN := .venv/bin
RUN_READY := .venv/.run-ready
DEV_READY := .venv/.dev-ready
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help run demo reset test check schemas lock clean browser

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: $(RUN_READY) ## Start everything with demo data, print the addresses; Ctrl-C stops it
	@exec $(BIN)/python -m deploy.run

demo: $(RUN_READY) ## Drive a whole simulated day through the public APIs and check that nothing is lost
	@exec $(BIN)/python -m deploy.demo

reset: ## Forget all data of `make run`
	@rm -rf var

test: $(DEV_READY) browser ## All tests (under 10 minutes on 2 cores)
	@exec $(BIN)/python -m pytest -n 3 --dist loadgroup

check: $(DEV_READY) ## Lint, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy shared services deploy tests
	$(BIN)/lint-imports

schemas: $(DEV_READY) ## Renew the committed JSON Schemas of the events
	$(BIN)/python -m shared.contracts.schema

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
