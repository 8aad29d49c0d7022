# make demo    a store over four directories that loses two of them, one after the other; ends by itself
# make test    everything that CI runs: format, lint, types, import layers, spelling, tests
# make fast    the same without the slow tests
# make many    all tests with fresh examples, and with many more seeds and rounds
# make incidents  plays every known incident, simulated and on emulated clouds (make test: one of each form)
# make siege   gateways, clients, and everything that can go wrong, for MINUTES=10; repeats a siege with SEED=
# make truth   compares the answers about STORES=50 random stores with what happens; repeats stores with SEED=
# make soak    fresh seeds of the simulator for MINUTES=10, from SEED= on; prints how to repeat a failure
# make mutants reintroduces known bugs, one by one; prints how many seeds of the simulator each needed
# make bench   measures the store and the limits of this machine; writes build/bench.json
# make format  formats, and fixes what ruff can fix
# make docs    regenerates the pages that are generated from the code
# make images  retakes the pictures of the report for the docs (needs Chromium)
# make lock    resolves the dependencies again (requirements/*.txt, with hashes)
#
# Each command sets itself up in .venv from the locked requirements. Nothing outside this folder is touched,
# except for Debian's rclone, restic, and Chromium, which `make test` installs when it may.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
# Two more test processes than cores: many tests wait. Those of one xdist_group stay in one process.
PYTEST ?= $(BIN)/pytest -n $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )) --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help demo test fast many incidents siege truth soak mutants bench format docs images lock setup clients checks

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

demo: $(VENV)/.runtime
	@$(BIN)/python -m outlast demo --dir build/demo

test: setup clients checks
	$(PYTEST)

fast: setup checks
	$(PYTEST) -m "not slow"

incidents: setup
	OUTLAST_TEST_INCIDENTS=all $(BIN)/pytest -s tests/outages/test_drill_incidents.py tests/acceptance/test_incidents.py

# OPTIONS="--nemeses erase slow --providers 3" overrides what the seed says; `--help` lists them.
siege: MINUTES ?= 10
siege: $(VENV)/.runtime
	$(BIN)/python -m outlast.testing.siege --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(OPTIONS)

truth: STORES ?= 50
truth: $(VENV)/.runtime
	$(BIN)/python -m outlast.testing.truth --stores $(STORES) $(if $(SEED),--seed $(SEED))

soak: MINUTES ?= 10
soak: $(VENV)/.runtime
	$(BIN)/python -m outlast.testing.swarm --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# Fresh examples, and many more seeds and rounds than `make test`.
many: setup
	HYPOTHESIS_PROFILE=soak OUTLAST_TEST_MANY=1 $(PYTEST)

mutants: setup
	$(BIN)/python -m outlast.testing.swarm.mutants

bench: setup
	$(BIN)/python -m bench

checks: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	$(BIN)/python -m outlast.cli.reference docs/reference/cli.md
	$(BIN)/python -m outlast.gateway.s3.compatibility docs/reference/s3-compatibility.md
	$(BIN)/python -m outlast.outages.incidents.page docs/reference/incidents.md
	$(BIN)/python -m outlast.testing.cost_table docs/reference/prices.toml docs/reference/costs.md

images: setup
	$(BIN)/python -m tests.outages.report_screenshots docs/guide/images

setup: $(VENV)/.runtime $(VENV)/.dev

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Outlast needs Python 3.11 or newer; choose one with: make PYTHON=/path/to/python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $(UV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml $(UV)
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/runtime.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# The real clients, the browser, faketime, and npm for an emulator (Azurite), which some tests drive. Without them,
# those tests are skipped with a message (and fail when CI=true). A browser without any font shows nothing.
clients:
	@missing=$$(for tool in rclone restic faketime; do command -v $$tool >/dev/null || echo $$tool; done; \
	  command -v npm >/dev/null || echo npm; \
	  command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	    || command -v google-chrome >/dev/null || echo chromium fonts-dejavu-core); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -qq --yes --no-install-recommends $$missing && exit 0; \
	fi; \
	echo "*** not installed and not installable here:" $$missing; \
	echo "*** the tests that drive them are SKIPPED (as root: apt-get install" $$missing")"

# The index is the one that your pip uses; its address does not get into the files.
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade --custom-compile-command "make lock"

lock: $(UV)
	echo uv | $(UV) $(COMPILE) - -o requirements/uv.txt
	$(UV) $(COMPILE) pyproject.toml --group build -o requirements/runtime.txt
	$(UV) $(COMPILE) pyproject.toml --group build --group dev -c requirements/runtime.txt -o requirements/dev.txt
