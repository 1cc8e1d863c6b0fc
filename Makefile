# The commands a person types; `make` alone lists them. What has been set up is remembered in stamps
# named by the contents of what they came from, so that a second `make run` starts at once and a
# checkout of another commit installs exactly what has changed.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Hundreds of processes start: what Python has compiled once is kept, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8000
PYTEST ?=
BENCH ?= --quick
FUZZ ?= 2000
BIN := .venv/bin
NODE := node_modules/.bin

digest = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c 1-16)
pretty := eslint.config.js "static/js/**/*.js" "tests/js/*.js" "tests/js/*.d.ts"
hot_sources := $(sort $(shell find app/code_home app/compiled app/model app/store collector -name '*.py'))

run_stamp    := .venv/.installed-run-$(call digest,requirements/run.txt pyproject.toml)
dev_stamp    := .venv/.installed-dev-$(call digest,requirements/dev.txt pyproject.toml)
assets_stamp := static/vendor/.installed-$(call digest,package-lock.json scripts/assets)
tested_stamp := node_modules/.installed-dev-$(call digest,package-lock.json scripts/assets)
warm_stamp   := .venv/.warm-$(call digest,$(hot_sources))

.PHONY: help run test coverage lint types fuzz bench lock release clean

help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: $(run_stamp) $(assets_stamp) $(warm_stamp) ## the dashboard with a simulated guest, live (PORT=8000)
	@exec $(BIN)/gmemscope demo --port $(PORT)

test: $(dev_stamp) $(tested_stamp) ## the checks of lint and types, and pytest (PYTEST='-k name' for some)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types $(warm_stamp)
	@echo "gmemscope: running the tests"
	@$(BIN)/python -m pytest -n auto $(PYTEST)

coverage: $(tested_stamp) $(warm_stamp) ## how much of each room the tests run; slower than them
	@rm -rf build/coverage
	@mkdir -p build/coverage
	@$(BIN)/coverage run -m pytest -n auto $(PYTEST)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/python scripts/coverage_by_room.py

lint: $(dev_stamp) $(tested_stamp) ## ruff; of the browser's scripts eslint and prettier
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo 'gmemscope: .venv/bin/ruff format . would change the above' >&2; exit 1; }
	@$(NODE)/eslint .
	@$(NODE)/prettier --check --log-level=warn $(pretty) || { echo 'gmemscope: $(NODE)/prettier --write would change the above' >&2; exit 1; }

types: $(dev_stamp) $(tested_stamp) ## mypy, and tsc of the browser's scripts, both strict
	@$(BIN)/mypy
	@$(NODE)/tsc --project .

fuzz: $(dev_stamp) ## mutated recordings and databases, others each time (FUZZ=2000 of them, twice); killed writers; a year
	@for checked in 1 0; do NUMBA_BOUNDSCHECK=$$checked $(BIN)/python -X faulthandler \
		-m tests.fuzz.campaign --cases $(FUZZ) --keep build/fuzz || exit; done
	@$(BIN)/python -m tests.fuzz.kills
	@$(BIN)/python -m tests.fuzz.year

bench: $(dev_stamp) $(warm_stamp) ## the benchmarks, quick (BENCH= for full sizes)
	@for benchmark in import_trace store scale many explorer live; do $(BIN)/python -m benchmarks.$$benchmark $(BENCH) || exit; done

lock: ## pin the newest dependencies that pyproject.toml allows
	@scripts/lock

release: $(dev_stamp) $(assets_stamp) ## wheel and sdist of this commit, checked, in dist/
	@scripts/release

clean: ## remove everything that was set up (recordings are kept)
	rm -rf .venv build dist node_modules static/vendor gmemscope.egg-info

$(run_stamp):
	@scripts/needs
	@scripts/install requirements/run.txt
	@touch $@

$(dev_stamp):
	@scripts/needs
	@scripts/install requirements/dev.txt
	@touch $@ $(run_stamp)

$(assets_stamp):
	@scripts/needs
	@echo "gmemscope: installing the browser's libraries"
	@scripts/assets
	@touch $@

$(tested_stamp):
	@scripts/needs
	@echo "gmemscope: installing the browser's libraries, and what its pages are tested with"
	@scripts/assets --dev
	@touch $@ $(assets_stamp)

# Ordered after the installation, whichever of the two it was.
$(warm_stamp): | $(if $(filter test coverage bench,$(MAKECMDGOALS)),$(dev_stamp),$(run_stamp))
	@echo "gmemscope: compiling the hot loops (once; the result is kept)"
	@$(BIN)/gmemscope warm
	@touch $@
