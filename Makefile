# `make demo` and `make test` do all the set-up themselves; `make help` lists the rest.
#
#   PYTHON=python3   the interpreter that makes the environment, 3.11 or newer
#   VENV=.venv       the environment; with one elsewhere, the checkout itself may be read-only
#   TORCH=auto       auto: a CPU build of torch, never a surprise of several gigabytes; any: whatever build comes;
#                    none: leave torch out
#   ARGS=            more arguments for `demo` or `test`, such as ARGS="-k vicreg", or ARGS="-n 0 --pdb" for one process
#   DOCS=build/docs  where `docs` writes
#   EIGENPAIRS_REQUIRE_ALL=1   an extra that cannot be installed is an error; otherwise `test` goes on without it

PYTHON ?= python3
VENV ?= .venv
TORCH ?= auto
ARGS ?=
DOCS ?= build/docs

ifeq ($(strip $(VENV)),)
$(error VENV is empty: name a folder for the environment)
endif
ifeq ($(filter $(strip $(TORCH)),auto any none),)
$(error TORCH is '$(TORCH)': it can be auto, any or none)
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt
# The tests, checks and pages always see the sources as they are, never an installed copy.
ON_SOURCES := PYTHONPATH="$(CURDIR)/src"
# Tests solve thousands of tiny problems, where threads would only wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# What is written beside the results goes into the environment: the checkout stays as it was.
CACHE := $(if $(filter /%,$(VENV)),,$(CURDIR)/)$(VENV)/cache
CODE := $(wildcard src tests benchmarks examples tools)

# Stamps: each is written last, so whatever was cut short runs again.
MADE := $(VENV)/.made
CORE := $(VENV)/.core
SOURCES := $(VENV)/.sources
PACKAGE := $(VENV)/.package
EXTRAS := $(VENV)/.extras

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup setup-all demo test search check bench docs clean FORCE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@sed -n 's/^#   / /p' Makefile

setup: $(PACKAGE)  ## the core in VENV, from constraints.txt

setup-all: export EIGENPAIRS_REQUIRE_ALL = 1
setup-all: $(EXTRAS) $(PACKAGE)  ## the core, every extra (torch first) and the tools of development

demo: $(PACKAGE)  ## every objective on scikit-learn's digits, from one spectrum
	@$(BIN)/eigenpairs demo $(ARGS)

test: $(EXTRAS)  ## all tests and doctests, on the sources as they are
	@mkdir -p "$(CACHE)"
	@left_out=; grep -qx complete $(EXTRAS) || left_out='--ignore=src/eigenpairs/deep --ignore-glob=*/objective/torch_*.py'; \
	$(ON_SOURCES) $(ONE_THREAD) HYPOTHESIS_STORAGE_DIRECTORY="$(CACHE)/hypothesis" \
	$(BIN)/python -m pytest -o cache_dir="$(CACHE)/pytest" --numprocesses=auto --maxprocesses=8 $$left_out $(ARGS)

search: override ARGS := -m hypothesis --hypothesis-profile=default $(ARGS)
search: test  ## the property tests on examples that are new in every run

check: $(EXTRAS)  ## formatting, lint and types
	@mkdir -p "$(CACHE)"
	$(BIN)/ruff format --check --cache-dir "$(CACHE)/ruff" $(CODE)
	$(BIN)/ruff check --cache-dir "$(CACHE)/ruff" $(CODE)
	$(BIN)/python -m mypy --cache-dir "$(CACHE)/mypy"

bench: $(EXTRAS)  ## every benchmarks/*.py in turn
	@failed=; for file in $(wildcard benchmarks/[!_]*.py); do \
	    echo "== $$file"; $(ON_SOURCES) $(BIN)/python "$$file" || failed="$$failed $$file"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

docs: $(EXTRAS)  ## the pages of the API and of docs/ in DOCS
	@$(ON_SOURCES) $(BIN)/python tools/build_docs.py "$(DOCS)"

clean:  ## remove what was built and cached; the environment stays
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis "$(CACHE)"
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

# pip writes INSTALLER into a package's record after all its files: a record without one is of an install that was
# cut off, which pip would take for whole. `~` marks what was on its way out.
FORGET_HALF_INSTALLED = for record in $(VENV)/lib/python*/site-packages/*.dist-info; do \
    [ ! -d "$$record" ] || [ -f "$$record/INSTALLER" ] || rm -rf "$$record"; done; \
    rm -rf $(VENV)/lib/python*/site-packages/~*

$(MADE):
	@command -v "$(PYTHON)" >/dev/null || { \
	    echo "eigenpairs: there is no $(PYTHON) here: install Python 3.11 or newer, or say make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "eigenpairs: $(PYTHON) is `"$(PYTHON)" -V 2>&1`, and 3.11 or newer is needed: say make PYTHON=python3.11" >&2; \
	    exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "eigenpairs: $(PYTHON) lacks venv: install it (Debian, Ubuntu: apt install python3-venv), or say make PYTHON=..." >&2; \
	    exit 1; }
	@echo "Making an environment in $(VENV)"
	@$(FORGET_HALF_INSTALLED)
	@"$(PYTHON)" -m venv "$(VENV)"
	@touch $@

$(CORE): $(MADE) pyproject.toml constraints.txt
	@echo "Installing the core into $(VENV)"
	@$(FORGET_HALF_INSTALLED)
	@$(INSTALL) hatchling
	@$(INSTALL) --no-build-isolation .
	@touch $@

# Written anew only when a file of the package has changed, come or gone.
$(SOURCES): FORCE | $(MADE)
	@find src README.md LICENSE -name __pycache__ -prune -o -type f -exec cksum {} + | LC_ALL=C sort > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv -f $@.new $@

$(PACKAGE): $(CORE) $(SOURCES)
	@$(FORGET_HALF_INSTALLED)
	@$(PIP) install --quiet --no-deps --no-build-isolation --force-reinstall .
	@touch $@

$(EXTRAS): $(CORE) FORCE
	@$(FORGET_HALF_INSTALLED)
	@$(BIN)/python tools/install_extras.py --torch "$(TORCH)" --after $(CORE) $@

FORCE:
