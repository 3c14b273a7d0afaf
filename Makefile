# Everything StreamHub needs to be built, tested and run: Python 3.11, git and make.
#
#   make up       start it (ARGS="--port 9000" and the like)       make test    all tests
#   make check    format, lint, types, layers, unit tests          make lock    renew the locks
#   make autobahn RFC 6455 by Autobahn's test suite, where there is a Python 2.7
#   make soak     one fault after the other on a cluster under load (ARGS=minutes, 60 if not said)
#   make bench    speed beside peers, as in docs/benchmarks.md

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTHON27 ?= python2.7
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
	--universal --python-version 3.11 pyproject.toml

.PHONY: install up test check bench autobahn soak lock

install: $(STAMP)

up: install
	@exec $(BIN)/streamhub up $(ARGS)

test: install
	@$(BIN)/python -m pytest

check: install
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/unit

autobahn: install
	@$(BIN)/python tests/autobahn/run.py "$(PYTHON27)"

# On nodes in network namespaces of this machine: as root, with `ip`.
soak: install
	@SOAK_MINUTES=$(or $(ARGS),60) $(BIN)/python -m pytest tests/cluster/test_cluster_faults.py -s

# Beside its peers, in about four minutes; ARGS="fanout" and the like measure a part.
bench: install
	@$(BIN)/python -m benchmarks $(ARGS)

lock: install
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group dev --constraints requirements.lock --output-file requirements-dev.lock

# Skipped unless a lock or the project's metadata changed.
$(STAMP): pyproject.toml requirements-dev.lock | $(BIN)/python
	@echo "Installing the locked packages into $(VENV); the first time takes a minute or two"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Debian's python3 comes without the module that puts pip into a new environment.
$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "StreamHub needs Python 3.11 or newer as python3; or: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || if [ "$$(id -u)" = 0 ]; then \
		echo "Installing Debian's python3-venv"; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; \
	else \
		echo "python3 lacks its venv module. Run: sudo apt-get install python3-venv" >&2; exit 1; \
	fi
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
