# Everything installs into .venv from the locks; a stamp named after what was installed makes a second call start at once.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup models run test check bench eval prove readme lock clean

BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --extra local --extra voice --group build \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
# The first Python from 3.11 on that can make a virtual environment; PYTHON=… chooses another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

LOCKED := $(shell (pwd; cat requirements.lock requirements-dev.lock) | cksum | cut -d' ' -f1)
RUNTIME := .venv/runtime-$(LOCKED)
DEV := .venv/dev-$(LOCKED)
PROJECT := .venv/project-$(shell cksum < pyproject.toml | cut -d' ' -f1)

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(PROJECT) models ## Install what is locked into .venv, fetch and verify the embedded models

models: $(PROJECT) ## Fetch and verify the embedded models; MODEL=1.5b takes the larger one
	@$(BIN)/python -m agents.local.fetch $(if $(MODEL),--chat qwen-$(MODEL))

run: setup ## Start the gateway and print one curl that works
	@exec $(BIN)/router serve

test: setup $(DEV) ## Run the whole suite; ARGS="-k stream" chooses
	@$(BIN)/python -m pytest $(ARGS)

check: $(PROJECT) $(DEV) ## Check style, types, import contracts, sizes, README and locks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/test_house.py

bench: $(PROJECT) $(DEV) ## Measure speed against a direct call
	@$(BIN)/python bench/run.py $(ARGS)

eval: setup $(DEV) ## Print what retrieval finds for 212 questions, and how many usable prompts the embedded models write
	@$(BIN)/python eval/run.py $(ARGS)
	@$(BIN)/python eval/tools.py

prove: setup $(DEV) ## Run the proofs at full length: kills, soak, 100,000 requests
	@$(BIN)/python -m pytest -m prove -rP -o faulthandler_timeout=0 $(ARGS)
	@$(BIN)/python bench/run.py --soak 100000

readme: $(PROJECT) ## Rewrite the tree in README.md from the modules' docstrings
	@$(BIN)/python docs/tree.py

lock: $(DEV) ## Pin what pyproject.toml asks for; UPGRADE=1 takes newer releases
	@$(COMPILE) --output-file requirements.lock
	@$(COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## Remove .venv, caches and builds; data and models stay
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later with venv is needed: install it, or say PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing the locked requirements into .venv (about half a minute the first time)"
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(DEV): $(RUNTIME)
	@echo "Installing the locked tools for tests and checks"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(PROJECT): $(RUNTIME)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
