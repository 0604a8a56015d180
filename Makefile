# Two commands for everybody, demo and test, and two more for those who change trouper.
# They need python3 (3.11 or newer) and make; everything else goes into .venv, in the versions of requirements-dev.txt.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.complete
PEERS := .venv-peers
PLOTS := .venv-plots
PEERS_PYTHON ?= $(PYTHON)

# Neither the checkout nor a script's folder on sys.path: a room called mailbox must not hide the standard library's.
SAFELY := PYTHONSAFEPATH=1
# pyright brings its own node in a wheel, need not ask a registry whether there is a newer pyright, and looks for packages
# where the first python on PATH does.
PYRIGHT := PATH="$(CURDIR)/$(BIN):$$PATH" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(SAFELY) $(BIN)/python -m pyright

.PHONY: help demo test crash bench bench-scale bench-compare bench-peers savina savina-peers clean

help:
	@echo "make demo                    runs the payments example"
	@echo "make test                    checks style and types, and runs every test, with coverage"
	@echo "make crash KILLS=100         kills programs that persist, so many times over one file, and looks for what is lost"
	@echo "make bench                   runs the benchmarks"
	@echo "make bench-scale             draws what things cost as actors, mailboxes, subscribers and trees grow"
	@echo "make bench-compare BASE=main says what became slower since another revision"
	@echo "make bench-peers             compares trouper with other libraries and with the BEAM"
	@echo "make savina                  runs the 30 programs of the Savina actor benchmark suite"
	@echo "make clean                   removes what make and the tools made"

demo: $(STAMP)
	@echo "== examples/payments/main.py"
	@$(BIN)/python examples/payments/main.py

test: $(STAMP)
	@echo "== ruff check: mistakes and style"
	@$(SAFELY) $(BIN)/python -m ruff check --quiet .
	@echo "== ruff format: layout"
	@$(SAFELY) $(BIN)/python -m ruff format --quiet --check .
	@echo "== mypy --strict: types"
	@$(SAFELY) $(BIN)/python -m mypy
	@echo "== pyright, strict: types once more"
	@$(PYRIGHT)
	@echo "== pyright --verifytypes: every public name is typed"
	@report=$$($(PYRIGHT) --verifytypes trouper) || { echo "$$report"; exit 1; }; echo "$$report" | grep score
	@echo "== pytest: the tests, the examples and the snippets of the docs, under coverage"
	@$(SAFELY) $(BIN)/python -m coverage run -m pytest
	@echo "== coverage: lines and branches of the rooms"
	@$(SAFELY) $(BIN)/python -m coverage report

KILLS ?= 100

crash: $(STAMP)
	@echo "== $(KILLS) kills of the payments example"
	@$(SAFELY) $(BIN)/python tests/persistence/crash_harness.py --kills $(KILLS)
	@echo "== the same, and SQLite's n-th call fails, for each n"
	@$(SAFELY) $(BIN)/python tests/persistence/crash_harness.py --faults
	@echo "== $(KILLS) kills of a program that counts"
	@KILLS=$(KILLS) $(SAFELY) $(BIN)/python -m pytest -q -o faulthandler_timeout=0 tests/persistence/test_crash.py

bench: $(STAMP)
	@echo "== benchmarks/run.py"
	@$(BIN)/python benchmarks/run.py
	@echo "== benchmarks/persistence.py, beside the package eventsourcing"
	@PEERS_PYTHON="$(PEERS_PYTHON)" $(BIN)/python benchmarks/persistence.py
	@echo "== benchmarks/peers/simulators.py: the simulated ring beside other simulators"
	@PEERS_PYTHON="$(PEERS_PYTHON)" $(BIN)/python benchmarks/peers/simulators.py

# ARGS="--only tell_def" and the like.
bench-compare: $(STAMP)
	@$(BIN)/python benchmarks/compare.py "$(BASE)" $(ARGS)

# What draws the plots has an environment of its own: nothing else needs it, and what is measured runs without it.
bench-scale: $(STAMP) $(PLOTS)/.complete
	@echo "== benchmarks/scale/run.py"
	@$(BIN)/python benchmarks/scale/run.py $(ARGS)
	@$(PLOTS)/bin/python benchmarks/scale/plot.py

$(PLOTS)/.complete: benchmarks/scale/requirements.txt
	@echo "== $(PLOTS): an environment of its own, from $<"
	@$(PYTHON) -m venv --clear $(PLOTS)
	@$(PLOTS)/bin/python -m pip install -qq --disable-pip-version-check --requirement $<
	@touch $@

# Each library that trouper is compared with gets an environment of its own; Erlang and Elixir are used if they are on the machine.
bench-peers: $(STAMP)
	@PEERS_PYTHON="$(PEERS_PYTHON)" $(BIN)/python benchmarks/peers/run.py $(ARGS)

savina: $(STAMP)
	@echo "== benchmarks/savina/run.py"
	@$(BIN)/python benchmarks/savina/run.py

# The libraries that the suite is compared with have an environment of their own, and a Python of their own: 3.12 or newer.
savina-peers: $(PEERS)/.complete

$(PEERS)/.complete: benchmarks/savina/peers/requirements.txt
	@$(PEERS_PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 12) or sys.exit("everything-is-an-actor needs Python 3.12 or newer, and $(PEERS_PYTHON) is %d.%d: make savina-peers PEERS_PYTHON=python3.12" % v[:2])'
	@echo "== $(PEERS): an environment of its own, from $<"
	@$(PEERS_PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check --requirement $<
	@touch $@

clean:
	rm -rf .venv $(PEERS) .venv-bench-peers $(PLOTS) build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is the last thing written, so that an environment that was cut off half-way is made anew.
$(STAMP): requirements-dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "trouper needs Python 3.11 or newer, and '$(PYTHON)' was not found: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("trouper needs Python 3.11 or newer, and $(PYTHON) is %d.%d: make PYTHON=python3.12" % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) cannot make environments: install its venv module (Debian: python3-venv)" >&2; exit 1; }
	@echo "== .venv: an environment of its own, from requirements-dev.txt"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --requirement requirements-dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
