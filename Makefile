# Everything a contributor or an operator runs. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
ENV ?= dev
ENGINE ?=
SCHEDULES ?= 20000
SEED ?= 0
CASES ?= 100000
CONVERSATIONS ?= 200
ZIP ?= dist/whatsapp_processor_deployment_package.zip

BIN := .venv/bin
RUN := $(BIN)/python
READY := .venv/.ready
EMULATOR := .venv-ministack/.ready
AUDIT := .venv-audit/.ready

export ENGINE
export UV_NO_PROGRESS := 1

# An argument of make as one word for the shell, whatever is in it.
quoted = '$(subst ','\'',$(1))'

# uv keeps what it downloads in the home folder; where that can't be written, here.
ifeq ($(UV_CACHE_DIR),)
ifneq ($(shell folder="$${XDG_CACHE_HOME:-$$HOME/.cache}/uv"; mkdir -p "$$folder" 2>/dev/null && test -w "$$folder" && echo yes),yes)
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
endif
endif

.PHONY: help demo dev setup test check lint format typecheck test-unit simulate simulate-quick fuzz chaos bench \
	test-integration test-around test-phone browser tf-check tf-test audit scan verify-package package environment plan deploy adopt destroy ops lock schema clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it
demo: $(READY) $(EMULATOR) ## Watch the whole product work, from queue to WhatsApp: no account, no Docker
	@$(RUN) -m demo

dev: $(READY) $(EMULATOR) ## The same, kept running, with a phone and switches for faults on a page of its own
	@$(RUN) -m demo.phone

##@ Test it
test: lint typecheck tf-check test-unit simulate-quick test-integration test-around ## Everything: lint, types, unit tests, simulation, integration

check: lint typecheck tf-check test-unit ## What needs no emulator and changes no file

lint: $(READY) ## Lint, spelling and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/codespell
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted as it should be: run 'make format'."; exit 1; }

format: $(READY) ## Format and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format .

typecheck: $(READY) ## Check the types
	@$(BIN)/mypy

test-unit: $(READY) ## Unit tests: no sockets, seconds
	@$(RUN) -m pytest -q -n 2 tests/unit

simulate-quick: $(READY)
	@$(RUN) -m pytest -q -n 2 tests/simulation

simulate: $(READY) ## Search for a counter-example (SCHEDULES=20000 SEED=0)
	@PYTHONPATH=lambda $(RUN) -m tests.simulation --schedules $(call quoted,$(SCHEDULES)) --seed $(call quoted,$(SEED))

fuzz: $(READY) ## Throw broken input at the validation and the handler (CASES=100000 SEED=0)
	@PYTHONPATH=lambda $(RUN) -m tests.fuzz --cases $(call quoted,$(CASES)) --seed $(call quoted,$(SEED))

chaos: $(READY) $(EMULATOR) ## Conversations under random faults and real crashes (CONVERSATIONS=200 SEED=0)
	@$(RUN) -m tests.chaos --conversations $(call quoted,$(CONVERSATIONS)) --seed $(call quoted,$(SEED))

test-integration: $(READY) $(EMULATOR) ## The whole product on an emulator (ENGINE=localstack|ministack)
	@$(RUN) -m pytest -q -m integration $(addprefix tests/integration/, product ops contracts stubs engines)

test-around: $(READY) $(EMULATOR) ## What is around it: package, demo, local phone in a browser, crashes, Terraform's whole life
	@$(RUN) -m pytest -q -m integration --junitxml=reports/around.xml $(addprefix tests/integration/, package demo phone chaos neighbours terraform)

test-phone: $(READY) $(EMULATOR) ## The local phone alone
	@$(RUN) -m pytest -q -m integration tests/integration/phone

browser: $(READY) ## Have Playwright fetch a Chromium for the tests of the local phone, where there is none
	@PLAYWRIGHT_BROWSERS_PATH=.cache/browsers $(RUN) -m playwright install --only-shell chromium \
		|| { echo "Playwright can't fetch its browser here: install Chromium or Chrome, such as by 'apt-get install chromium'."; exit 1; }

tf-check: $(READY) ## Format and validity of the Terraform files
	@$(RUN) -m tools.terraform check

tf-test: $(READY) ## Terraform tests on a mocked provider
	@$(RUN) -m tools.terraform test

bench: $(READY) $(EMULATOR) ## Measure against a plain reading of the same design; writes benchmarks/RESULTS.md
	@$(RUN) -m benchmarks

##@ Run it on AWS
package: $(READY) ## Build dist/whatsapp_processor_deployment_package.zip for an environment's function (ENV=dev)
	@$(RUN) -m tools.package --env $(call quoted,$(ENV))

verify-package: $(READY) ## Check a package, such as one that Lambda gave back, against what was built (ZIP=...)
	@$(RUN) -m tools.verify_package $(call quoted,$(ZIP))

environment: $(READY)
	@$(RUN) -m tools.terraform environment --env $(call quoted,$(ENV))

plan: environment package ## Show what a deployment would change (ENV=dev)
	@$(RUN) -m tools.terraform plan --env $(call quoted,$(ENV))

deploy: environment package ## Deploy (ENV=dev)
	@$(RUN) -m tools.terraform deploy --env $(call quoted,$(ENV))

adopt: package ## Take over what was made by hand, without losing anything (ENV=dev)
	@$(RUN) -m tools.terraform adopt --env $(call quoted,$(ENV))

destroy: $(READY) ## Destroy an environment that is not protected (ENV=dev)
	@$(RUN) -m tools.terraform destroy --env $(call quoted,$(ENV))

##@ Look after it
ops: $(READY) ## The commands for operators: what failed and why, find, redrive, pause (docs/operations.md)
	@$(RUN) -m ops --help

##@ Keep it
setup: $(READY) $(EMULATOR) ## Install what the other targets need (they do so themselves)

audit: $(AUDIT) ## Look for known vulnerabilities in everything that is locked
	@for lock in requirements*.txt; do echo "$$lock"; .venv-audit/bin/pip-audit --progress-spinner off --disable-pip --require-hashes -r "$$lock"; done

scan: $(AUDIT) ## Check the Terraform files against checkov's rules
	@LOG_LEVEL=ERROR .venv-audit/bin/checkov -d terraform --config-file terraform/.checkov.yaml --var-file terraform/environments/prod.tfvars

lock: $(READY) ## Lock the dependencies anew, with hashes
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements.txt requirements-dev.in -o requirements-dev.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements-ministack.in -o requirements-ministack.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.13 --generate-hashes --no-header requirements-bench.in -o requirements-bench.txt
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements-audit.in -o requirements-audit.txt

schema: $(READY) ## Write the JSON Schemas in docs/ from the models, and what Terraform checks of the settings
	@$(RUN) -m tools.context_schema
	@$(RUN) -m ops.schema > docs/operations.schema.json
	@$(RUN) -m tools.settings_rules

clean: ## Remove what was built and cached, environments included
	rm -rf .venv .venv-* .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist reports terraform/.terraform

$(READY): requirements-dev.txt
	@$(call quoted,$(PYTHON)) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { printf "Python 3.11 or later is needed; '%s' is not one. Say 'make PYTHON=python3.12 ...' or install it.\n" $(call quoted,$(PYTHON)); exit 1; }
	@echo "Installing the tools into .venv ..."
	@said=$$($(call quoted,$(PYTHON)) -m venv .venv 2>&1) || { code=$$?; [ $$code -eq 130 ] || printf '%s\n' "$$said" \
		"Python's venv module is missing: on Debian and Ubuntu, install python3-venv."; exit $$code; }
	@awk '/^[^ ]/ {keep = /^uv==/} keep' requirements-dev.txt > .venv/uv.txt
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@$(BIN)/uv pip sync -q --python $(RUN) --require-hashes requirements-dev.txt
	@touch $@

$(EMULATOR): requirements-ministack.txt $(READY)
	@echo "Installing the embedded emulator into .venv-ministack ..."
	@$(BIN)/uv venv -q --allow-existing --python $(RUN) .venv-ministack
	@$(BIN)/uv pip sync -q --python .venv-ministack/bin/python --require-hashes requirements-ministack.txt
	@touch $@

$(AUDIT): requirements-audit.txt $(READY)
	@echo "Installing the scanners into .venv-audit ..."
	@$(BIN)/uv venv -q --allow-existing --python $(RUN) .venv-audit
	@$(BIN)/uv pip sync -q --python .venv-audit/bin/python --require-hashes requirements-audit.txt
	@touch $@
