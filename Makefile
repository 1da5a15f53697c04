# Every target uses the environment that spark-submit.sh sets up (.venv, .jars).
.DEFAULT_GOAL := help
SHELL := /bin/bash
ROWS ?= 200000 1000000
# Of the tests, those that take longest first.
FOLDERS := privacy e2e serving dashboards marts audit sources setup reliability hospital
PYTHON_FILES := lib lakehouse splitter jobs superset tests
run := .venv/bin/python -m
.PHONY: help setup setup-superset format lint check test test-unit test-long test-containers $(FOLDERS:%=test-%) notebook superset lock benchmark clean
# A test's Spark lives for seconds; the second of Java's two compilers would cost more time than it gives back.
# With the first alone Java keeps 48 MB of code, which a folder of tests fills; then it interprets, for minutes.
export SPARK_SUBMIT_OPTS ?= -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv and .jars, if they are missing
	@./spark-submit.sh --setup-only

# Some tests run code of the dashboards in Superset's own environment.
setup-superset: setup
	@superset/start.sh --setup-only

format: setup ## format the code
	$(run) ruff format
	$(run) ruff check --fix-only --quiet

lint: setup ## format, lint, types and import rules
	$(run) ruff format --check
	$(run) ruff check
	.venv/bin/shellcheck --external-sources spark-submit.sh superset/*.sh superset/containers/*.sh tests/dashboards/*.sh .ci/run
	$(run) mypy
	$(run) mypy --config-file superset/mypy.toml
	.venv/bin/lint-imports --no-cache

check: lint test-unit ## lint, and the tests without Spark (some minutes)

test: setup ## all tests but those of test-long, two folders at a time
	@$(MAKE) --no-print-directory --jobs 2 --keep-going --output-sync=target $(FOLDERS:%=test-%) test-unit

# A process has one Spark session, and a second one would begin with the first one's settings: so one for each folder.
test-unit: setup-superset
	$(run) pytest -q -m "not spark and not e2e"

$(FOLDERS:%=test-%): test-%: setup
	$(run) pytest -q -m "(spark or e2e) and not long" tests/$*

test-dashboards: setup-superset

test-long: setup ## the tests that kill, reorder and replay whole runs (many minutes)
	$(run) pytest -m long

test-containers: setup ## the dashboards of superset/docker-compose.yml in a browser, by podman and as root
	LAKEHOUSE_TEST_STACK=containers $(run) pytest -s --timeout 1800 \
	  $(addprefix tests/dashboards/test_,in_the_browser.py matrix.py containers.py)

notebook: setup ## open the notebook over the published marts
	.venv/bin/jupyter lab notebooks/explore_marts.ipynb

superset: setup ## open the dashboards, with a login for each role, until Ctrl-C
	@superset/start.sh

lock: setup ## pin all packages and jars anew, after a change of pyproject.toml or conf/setup/ivy.xml
	conf/setup/lock.sh

benchmark: SPARK_SUBMIT_OPTS =
benchmark: setup ## time every phase from the shell, for histories of ROWS="200000 1000000" generated rows
	$(run) tests.benchmark --rows $(ROWS)

clean: ## remove the caches and build products (not .venv, .jars, data)
	rm -rf dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache spark-warehouse metastore_db derby.log
	find $(PYTHON_FILES) -name __pycache__ -prune -exec rm -rf {} +
