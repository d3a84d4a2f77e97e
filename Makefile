# make run: set up what is needed and serve at http://localhost:8080. make test: everything that is tested.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := clients/web-demo
HELPER := livecore/native/helper.so
ARGS ?=
# Test processes: tests wait for browsers and servers more than they compute, so two more than there are cores.
JOBS ?= $(shell expr $$(nproc) + 2)

.PHONY: setup setup-dev run test test-deep test-distributed check bench bench-peers bench-peers-chat bench-peers-live pictures migration clean

setup: $(VENV)/.run-done $(HELPER) $(DEMO)/node_modules/.done

# What the tests and the checks need on top.
setup-dev: $(VENV)/.dev-done $(HELPER) $(DEMO)/node_modules/.done

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=python3.12 make …)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); sh requirements/venv.sh "$(PYTHON)" $(VENV); }

$(VENV)/.run-done: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what livecore stands on …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-done: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what livecore and its tests stand on …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run-done

# Optional: with a C compiler the hot paths get a native helper, without one they stay in Python (and each make says so in a line).
$(HELPER): $(wildcard livecore/native/*.[ch]) livecore/native/build.py | $(BIN)/python
	@$(BIN)/python -c 'import runpy; runpy.run_path("livecore/native/build.py", run_name="__main__")'

# The machine's Node, or else the one that comes as a Python package.
$(DEMO)/node_modules/.done: $(DEMO)/package-lock.json | $(BIN)/python
	@echo "Installing what the web demo stands on …"
	@if command -v npm >/dev/null 2>&1; then \
	  cd $(DEMO) && npm ci --silent --no-audit --no-fund --ignore-scripts; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt && \
	  cd $(DEMO) && PATH="$(abspath $(BIN)):$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts; \
	fi
	@touch $@

run: setup
	@$(BIN)/livecore serve $(ARGS)

# Short and seeded: every promise, a real Chromium, throwaway PostgreSQL and Redis servers of the tests' own.
test: setup-dev
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not deep" $(ARGS)

# Long: fuzzing, soaks, and each promise's test run with its handler switched off.
test-deep: setup-dev
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --hypothesis-profile=deep $(ARGS)

# The same tests with every server on PostgreSQL, Redis and an S3 server instead of the embedded engines.
test-distributed: setup-dev
	@LIVECORE_TEST_ENGINES=distributed $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not deep" $(ARGS)

check: setup-dev
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_imports.py tests/test_demo_sources.py

bench: setup-dev
	@$(BIN)/livecore bench all $(ARGS)

# livecore and Node's Socket.IO server by turns, with one tool in one run.
PEER_SOCKETIO := bench/peers/socketio
bench-peers: bench-peers-chat bench-peers-live

bench-peers-chat: setup-dev $(PEER_SOCKETIO)/node_modules/.done
	@$(BIN)/livecore bench chat --versus-node --members 2,100,1000,10000 --rate 20 --json bench/results/chat-peers.json $(ARGS)

# Janus from the distribution's package, which stands in for the media servers that are built from source.
bench-peers-live: setup-dev
	@command -v janus >/dev/null 2>&1 || { echo "Installing janus …"; apt-get install -y -q janus >/dev/null 2>&1; } || \
	  { echo "It needs Janus: apt-get install janus"; exit 1; }
	@$(BIN)/livecore bench peers --json bench/results/live-peers.json $(ARGS)

$(PEER_SOCKETIO)/node_modules/.done: $(PEER_SOCKETIO)/package-lock.json | $(BIN)/python
	@cd $(PEER_SOCKETIO) && PATH="$(abspath $(BIN)):$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

pictures: setup-dev
	@LIVECORE_PICTURES=1 $(BIN)/python -m pytest -q tests/browser $(ARGS)

# make migration ARGS="what changes": an alembic revision from the difference between metadata and head.
migration: setup-dev
	@$(BIN)/python -m livecore.platform.migrations.new "$(ARGS)"

clean:
	@rm -rf $(VENV) $(DEMO)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
