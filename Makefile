.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup groove results test oldest chaos lint docs bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RLSUITE := $(BIN)/rlsuite
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock
# Accelerator support to install, from the extras in pyproject.toml; none on a machine without one.
EXTRAS ?= $(if $(shell command -v nvidia-smi 2> /dev/null),cuda)
SEEDS ?= 0 1 2 3 4
METHODS ?= groove lpg
OLDEST_JAX := 0.10.0
ASKING_JAX := $(addprefix tests/,rlsuite/test_clocks.py rlsuite/test_initialisers.py \
	rlsuite/test_sharding.py rlsuite/test_debugging.py rlsuite/test_precision.py \
	$(addprefix experiments/,test_damage.py test_memory.py test_lowered_methods.py \
	test_conformance.py test_precision.py))
CHAOTIC := $(patsubst %,tests/experiments/test_%.py,generated damage disk locking recovery \
	interruption streams hosts devices)
SOURCES := envs rlsuite experiments tests docs/tools

# $(call train,METHOD): the laptop run of a method in runs/METHOD, continued if it is there already.
train = @if [ -f runs/$(1)/config.json ]; then $(RLSUITE) resume runs/$(1); \
	else $(RLSUITE) train $(1) laptop --out runs/$(1); fi

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.runtime ## install what is needed to run into .venv

groove: setup ## meta-train GROOVE and LPG, meta-test them on unseen worlds, show the result
	$(call train,groove)
	$(call train,lpg)
	$(RLSUITE) evaluate runs/groove --against runs/lpg
	$(RLSUITE) report runs/groove

results: setup ## five seeds of METHODS at laptop size and their comparison (an hour or so)
	@for seed in $(SEEDS); do for method in $(METHODS); do \
		run=runs/results/$$method-$$seed; \
		if [ -f $$run/config.json ]; then $(RLSUITE) resume $$run; \
		else $(RLSUITE) train $$method laptop --seed $$seed --out $$run; fi && \
		$(RLSUITE) evaluate $$run || exit 1; done; done
	$(RLSUITE) compare $(foreach method,$(METHODS),$(SEEDS:%=runs/results/$(method)-%)) \
		--out runs/results/comparison

test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest -n auto --dist worksteal -q

# Those tests that ask JAX for what may change between its versions, with the oldest one laid over
# the environment; where that can't be had, that is said.
oldest: $(VENV)/.dev ## test with the oldest JAX that is allowed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --no-deps \
		--target $(VENV)/oldest jax==$(OLDEST_JAX) jaxlib==$(OLDEST_JAX) || \
		{ echo "JAX $(OLDEST_JAX) can't be installed here: not tested with it"; exit 0; }; \
	PYTHONPATH=$(abspath $(VENV)/oldest) $(BIN)/python -m pytest -n auto --dist worksteal -q $(ASKING_JAX)

chaos: $(VENV)/.dev ## kill, damage, fill up and interrupt runs on purpose, and count (half an hour or so)
	$(BIN)/python -m tests.chaos
	RLSUITE_CHAOS=1 RLSUITE_GENERATED_CASES=2500 $(BIN)/python -m pytest -q $(CHAOTIC)

lint: $(VENV)/.dev ## check style, types and the direction of imports
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.docs ## build the documentation site in build/site; what is wrong in it stops this
	NO_MKDOCS_2_WARNING=1 JAX_PLATFORMS=cpu $(BIN)/python -m mkdocs build --quiet --strict

bench: setup ## measure speed
	$(RLSUITE) bench

clean: ## remove .venv and all caches; runs are kept
	rm -rf $(VENV) build dist *.egg-info .hypothesis .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say what is installed, so that it is done again only when the requirements change.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || \
		{ echo "rlsuite needs Python >= 3.11 and found $$($(PYTHON) --version 2>&1 | head -n 1);" \
		"name another one with: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) --editable '.$(EXTRAS:%=[%])'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) --editable '.[dev$(EXTRAS:%=,%)]'
	@touch $@ $(VENV)/.runtime

$(VENV)/.docs: pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) --editable '.[docs]'
	@touch $@
