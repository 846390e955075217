# Two commands carry the project: `make demo` shows it, `make test` proves it. Each builds its own environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check lint types figures clean

demo: $(STAMP)
	@$(BIN)/lensmount loopback --demo

test: $(STAMP)
	@$(BIN)/python -m pytest

# Everything that CI holds a change to.
check: $(STAMP) lint types
	@$(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage report --skip-covered --fail-under=85

lint: $(STAMP)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports

types: $(STAMP)
	@$(BIN)/mypy
	@$(BIN)/pyright

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lensmount needs Python 3.11 or newer; set PYTHON=python3.x")'
	@echo "building the environment in $(VENV) (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev --editable '.[all]'
	@touch $@
