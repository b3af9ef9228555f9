# make shows this file's targets; each sets up first what it needs.
SHELL := /bin/bash
PYTHON_BIN := .venv/bin/python
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench deb lock clean test-appliance test-faults test-homeassistant test-powercut

help: ## show this
	@echo "nilm-edge: one mains meter in, every appliance out"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'
	@echo
	@echo 'Options go in ARGS:  make run ARGS="--port 8090 --data-dir /var/tmp/nilm"'

setup: ## install what is missing: servers and .venv (run does it too)
	@scripts/setup.sh run

run: ## start the whole appliance with a simulated meter; Ctrl-C stops it
	@scripts/setup.sh run
	@exec .venv/bin/nilm-edge run $(ARGS)

test: ## run the tests on real servers and a real browser
	@scripts/setup.sh test
	@exec $(PYTHON_BIN) -m pytest $(ARGS)

check: ## lint, format and types
	@scripts/setup.sh check
	@$(PYTHON_BIN) -m ruff check .
	@$(PYTHON_BIN) -m ruff format --check .
	@$(PYTHON_BIN) -m mypy

bench: ## measure inference, history, the gateway and the pipeline into build/bench/
	@scripts/setup.sh run
	@.venv/bin/nilm-edge bench inference --json "build/bench/inference-$$(uname -n).json"
	@.venv/bin/nilm-edge bench history --json "build/bench/history-$$(uname -n).json"
	@.venv/bin/nilm-edge bench gateway --json "build/bench/gateway-$$(uname -n).json"
	@.venv/bin/nilm-edge bench pipeline --json "build/bench/pipeline-$$(uname -n).json" $(ARGS)

deb: ## make dist/nilm-edge_<version>_<arch>.deb for this release of Debian
	@scripts/deb.sh

test-appliance: ## set-up, package and services on fresh Debian 12 and 13 (as root, an hour)
	@scripts/setup.sh appliance
	@exec $(PYTHON_BIN) -m pytest -m appliance tests/appliance $(ARGS)

test-faults: ## kill, cut off, fill up, lie to each part; results to docs/reliability.md
	@scripts/setup.sh faults
	@exec $(PYTHON_BIN) -m pytest -s -m faults tests/faults --report docs/reliability.md $(ARGS)

test-homeassistant: ## judge what is announced by Home Assistant's own schemas (Python 3.11 or 3.12)
	@scripts/setup.sh check
	@scripts/setup/homeassistant.sh
	@exec $(PYTHON_BIN) -m pytest -s -m homeassistant tests/homeassistant $(ARGS)

test-powercut: ## cut a virtual machine's power 20 times for each durability (as root, an hour; CUTS=, SEED=)
	@scripts/setup.sh powercut
	@CUTS=$(CUTS) SEED=$(SEED) $(PYTHON_BIN) -m pytest -s -m powercut tests/powercut $(ARGS)

lock: ## renew the lock files from pyproject.toml
	@scripts/lock.sh

clean: ## remove .venv, build results, caches and the data of make run (var/)
	@rm -rf .venv .venv-lock build dist var *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
