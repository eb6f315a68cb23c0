# `make demo`, `make test` and `make check` each set up .venv themselves, from Python 3.11+ alone.

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$name; break; fi; done)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := .venv/ready

# Of a checkout that was moved or copied, what is installed is that of the old place.
ifneq ($(shell cat $(READY) 2>/dev/null),$(shell pwd))
$(shell rm -f $(READY))
endif

.PHONY: demo test test-slow check format clean

demo: $(READY)
	$(BIN)/python examples/write_examples.py demo
	$(BIN)/python -m restore fix demo/photo.png --mask demo/mask.png --overwrite
	@echo "Before: $(CURDIR)/demo/photo.png"
	@echo "After:  $(CURDIR)/demo/photo-fixed.png"

test: $(READY)
	$(BIN)/python -m pytest

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

check: $(READY)
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest -q tests/test_layers.py

format: $(READY)
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

clean:
	rm -rf .venv demo dist

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "restore needs Python 3.11 or newer and found none on PATH:" \
		"install one, or name yours with 'make PYTHON=/path/to/python'." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || { echo "$(PYTHON) can't make a virtual" \
		"environment: install its venv module (on Debian and Ubuntu: python3-venv)." >&2; exit 1; }
	$(BIN)/python -m pip install --editable '.[dev]'
	@pwd > $@
