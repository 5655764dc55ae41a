# Everything runs in .venv, which is made from the hashed lock files. PYTHON picks the interpreter (>= 3.11).
PYTHON ?= python3
BIN := .venv/bin
SECONDS ?= 30
RUNS ?= 500
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: drill test test-fast lint format security campaign fuzz mutate sbom bench docs lock clean

drill: .venv/lab.done  ## the main job end to end, against real servers and fake providers on loopback
	$(BIN)/revoker drill --out drill-out

test: .venv/dev.done  ## all tests, slow ones too
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test-fast: .venv/dev.done  ## the tests that start no server
	$(BIN)/python -m pytest -m "not slow"

lint: .venv/dev.done  ## ruff, mypy --strict, the layers, known vulnerabilities of what is locked
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/audit.py

format: .venv/dev.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

security: .venv/dev.done  ## run the tests of docs/security.md and write the page with their results
	$(BIN)/python -m pytest -m row -n auto --dist loadfile --no-loadscope-reorder --security-page=docs/security.md

campaign: .venv/dev.done  ## RUNS rotations by four workers on a bad night; prints what was lost, doubled or hit by mistake (docs/faults.md)
	CAMPAIGN_RUNS=$(RUNS) $(BIN)/python -m pytest -q tests/runs/campaign

fuzz: .venv/dev.done  ## the coverage-guided fuzzer over every parser, SECONDS for each
	$(BIN)/python -m tests.fuzz.run $(SECONDS)

sbom: .venv/dev.done  ## dist/revoker-VERSION.cdx.json, from the runtime lock; the same bytes each time
	$(BIN)/python requirements/sbom.py

mutate: .venv/mutation.done  ## mutation testing, about half an hour; FILES="revoker/gate.py ..." for some; writes docs/mutation.md
	$(BIN)/python -m tests.mutation.run $(FILES)

bench: .venv/dev.done  ## the figures of docs/benchmarks.md, against the real kingfisher
	$(BIN)/python bench/run.py

docs: .venv/dev.done  ## write the pages that are generated from code
	$(BIN)/python -m revoker.cli.reference

lock: .venv/dev.done  ## resolve the version ranges of pyproject.toml anew
	$(PIP) install pip-tools
	sh requirements/lock.sh runtime && sh requirements/lock.sh lab && sh requirements/lock.sh dev && sh requirements/lock.sh mutation

clean:
	rm -rf .venv dist build drill-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "revoker needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/lab.done: .venv/made requirements/lab.lock pyproject.toml
	$(PIP) install --require-hashes -r requirements/lab.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

.venv/dev.done: .venv/made requirements/dev.lock pyproject.toml
	$(PIP) install --require-hashes -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch .venv/lab.done $@

.venv/mutation.done: .venv/dev.done requirements/mutation.lock
	$(PIP) install --require-hashes -r requirements/mutation.lock
	touch $@
