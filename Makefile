# The one door to everything done with a checkout: `make` alone tells what there is.

MAKEFLAGS += --no-print-directory
BIN := .venv/bin
ARGS ?=
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help install dev demo test lint types generated screens check long walks api-fuzz simulate crash bench image prove-fresh lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install:  ## make .venv with all that running needs; afterwards .venv/bin/gateway works
	@sh deploy/setup.sh base

dev:  ## the same, with all that developing needs
	@sh deploy/setup.sh dev

demo: install  ## the whole product on this machine: a family registers, pays and is covered
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && export REDIS_SERVER && exec $(BIN)/gateway demo $(ARGS)

test: dev  ## the tests, against a real PostgreSQL and a real Redis (ARGS="-k word" for some; TEST_PROCESSES=2)
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && CHROMIUM=$$(sh deploy/ensure-chromium.sh) && export REDIS_SERVER CHROMIUM && \
		exec $(BIN)/pytest -n $${TEST_PROCESSES:-3} --dist worksteal $(ARGS)

lint: dev  ## style, format and the layers between packages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: dev  ## types, in strict mode
	@$(BIN)/mypy

generated: dev  ## is every generated page what the code says now?
	@$(BIN)/gateway docs --check

screens: dev  ## draw the pictures of the office for docs/office.md anew
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && CHROMIUM=$$(sh deploy/ensure-chromium.sh) && export REDIS_SERVER CHROMIUM && \
		SCREENS=1 exec $(BIN)/pytest -m long -n 0 tests/console/test_screens.py $(ARGS)

check: lint types generated test  ## everything that must hold before a change is handed in

walks: dev  ## thousands of phone calls with hostile input (WALKS=20000 for more)
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && export REDIS_SERVER && WALKS=$${WALKS:-5000} $(BIN)/pytest tests/ussd/test_menu_walks.py --timeout 3600 $(ARGS)

long: dev  ## the tests too long for every run: every page on every screen, all that can be typed, processes killed
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && CHROMIUM=$$(sh deploy/ensure-chromium.sh) && export REDIS_SERVER CHROMIUM && \
		exec $(BIN)/pytest -m long -n $${TEST_PROCESSES:-3} --dist worksteal --timeout 400 $(ARGS)

api-fuzz: dev  ## all that the API's document allows and forbids, sent to it (API_FUZZ=2000 for more)
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && export REDIS_SERVER && API_FUZZ=$${API_FUZZ:-300} exec $(BIN)/pytest -n $${TEST_PROCESSES:-2} --timeout 3600 tests/api/test_fuzz.py $(ARGS)

simulate: dev  ## days of faults from seeds, in virtual time (SEEDS=10000 FIRST=1; SEED=17 plays one and tells every step)
	@exec $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $${SEEDS:-1000} --first $${FIRST:-1}) $(ARGS)

crash: dev  ## kill processes for longer while money moves (CRASH_SEEDS="1 2 3")
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && export REDIS_SERVER && CRASH_SEEDS="$${CRASH_SEEDS:-1 2 3}" CRASH_PAYMENTS=$${CRASH_PAYMENTS:-200} CRASH_KILLS=$${CRASH_KILLS:-20} CAMPAIGN_WHOLE=1 $(BIN)/pytest -m "" tests/crash --timeout 1800 $(ARGS)

bench: dev  ## how fast is it, on this machine
	@REDIS_SERVER=$$(sh deploy/ensure-redis.sh) && export REDIS_SERVER && exec $(BIN)/python -m benchmarks $(ARGS)

image: dev  ## build the container image without a container engine, and try it (Debian, root)
	@sh deploy/image.sh

prove-fresh:  ## run install, test and demo on bare Debians (Debian, root; ARGS=trixie for one)
	@sh deploy/prove-fresh.sh $(ARGS)

lock: dev  ## requirements/*.in into *.txt (ARGS=--upgrade for newer versions)
	@sh deploy/lock.sh $(ARGS)

clean:  ## remove what can be made again
	@rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
