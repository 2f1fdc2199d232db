# `make demo` and `make test` need Python >= 3.11 and nothing else; `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_FLAGS ?=
# Passed on to `chipgym benchmark quick` and to pytest.
DEMO_ARGS ?=
TEST_ARGS ?=
# `make test COVERAGE="--cov --cov-report=term:skip-covered"` measures coverage as well.
COVERAGE ?=
# Test processes. They are few by default: each loads PyTorch (about 0.5 GB).
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint type format docs doctor dist clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "ChipGym needs Python >= 3.11, and '$(PYTHON)' is not. Name another: make PYTHON=python3.12 …" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv module is missing (on Debian and Ubuntu: the package python3-venv)." >&2; \
	  rm -rf $(VENV); exit 1; }

# Stamps: an installation is repeated only when what it depends on changes.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed ## install, then train and rank agents of all families (about 6 minutes)
	$(BIN)/chipgym benchmark quick $(DEMO_ARGS)

test: $(VENV)/.installed-dev ## install with the development tools, then run the tests
	$(BIN)/chipgym doctor --warm-up
	COVERAGE_CORE=ctrace $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(COVERAGE) $(TEST_ARGS)

# The longer form: coverage, every study and suite in small, the site, and the throughput.
test-all: $(VENV)/.installed-dev ## everything that can be tested, with coverage (about two hours)
	$(BIN)/chipgym doctor --warm-up
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --cov --cov-report=term:skip-covered \
	  --cov-report=html:build/coverage $(TEST_ARGS)
	for suite in $$($(BIN)/python -m chipgym.experiments.suite); do \
	  $(BIN)/chipgym benchmark $$suite --smoke --out build/test-all/$$suite || exit 1; done
	for study in $$($(BIN)/python -m chipgym.experiments.papers.core.registry); do \
	  $(BIN)/chipgym reproduce $$study --quick --workers $(JOBS) --out build/test-all/$$study \
	    || exit 1; done
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	$(BIN)/chipgym throughput --all --quick --compare --output build/test-all/throughput.json

lint: $(VENV)/.installed-dev ## check style and common mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/.installed-dev ## check types (mypy --strict)
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## format, and fix what can be fixed safely
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

doctor: $(VENV)/.installed ## check the installation and compile the kernels
	$(BIN)/chipgym doctor --warm-up

dist: $(VENV)/.installed-dev ## build the sdist and, from it, the wheel
	$(BIN)/python -m build

clean: ## remove what builds and tests leave behind
	rm -rf build dist site .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

distclean: clean ## remove the virtual environment as well
	rm -rf $(VENV)
