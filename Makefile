# Cloud Window's commands. `make` alone prints them.
.DEFAULT_GOAL := help
.PHONY: help run test check bench-queue bench-media nemesis model-soak screenshots fmt lock fresh-clone clean setup
.PHONY: format lint types contracts web-types catalogue translations

# Where a machine forbids it, every process of a run would compile the house and rewrite the tests' asserts anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
CHECKS := format lint types contracts web-types catalogue translations

help: ## print the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
	@echo; echo "  PORT=8080 DATA_DIR=.data make run   the settings you may want first; all: docs/operations.md"

run: ## set up what is missing and start everything, with demo data; Ctrl-C stops it
	@scripts/setup runtime
	@exec $(PYTHON) -m cloudwindow run

test: setup ## run every test; the browser ones last
	@CHROMIUM="$$(scripts/chromium)" $(PYTHON) -m pytest

test-fast: setup ## run the tests that need no browser
	@$(PYTHON) -m pytest -m "not browser" -n 3 --dist loadfile

nemesis: SEED = $(shell date +%Y%m%d)
nemesis: setup ## run the product under faults: SEED= MINUTES=3 STAGE=pair|alone, docs/reliability.md
	@$(PYTHON) -m tests.nemesis --seed $(SEED) --minutes $(or $(MINUTES),3) --stage $(or $(STAGE),pair)

model-soak: setup ## go random ways through the models of the line: MINUTES=10
	@$(PYTHON) -m tests.model_soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

check: setup ## format, lint, types, import contracts, browser types, catalogue, translations
	@$(MAKE) --no-print-directory --keep-going --output-sync --jobs 2 $(CHECKS)
	@echo "check: all of $(CHECKS) passed"

bench-queue: setup ## measure the line; prints one JSON line for each benchmark (docs/benchmarks.md)
	@$(PYTHON) -m benchmarks

bench-media: ## measure the call beside Janus; one JSON line for each benchmark (docs/media.md)
	@scripts/setup bench-media
	@CHROMIUM="$$(scripts/chromium)" $(PYTHON) -m benchmarks --media

screenshots: setup ## take the pictures of docs/images
	@CHROMIUM="$$(scripts/chromium)" $(PYTHON) -m scripts.screenshots

fmt: setup ## format the Python code and mend what ruff can
	@$(PYTHON) -m ruff check --fix --quiet
	@$(PYTHON) -m ruff format

lock: setup ## lock the Python packages anew after a change in pyproject.toml
	@$(PYTHON) scripts/lock.py

fresh-clone: ## prove in a clone with an empty home that `make run` and `make test` work as written
	@python3 scripts/fresh_clone_check.py --test

clean: ## remove what set-up and tools made; .data (the demo's ledger) stays
	rm -rf .venv .setup web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	    .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@scripts/setup test

format:
	@$(PYTHON) -m ruff format --check

lint:
	@$(PYTHON) -m ruff check --quiet --output-format concise

types:
	@$(PYTHON) -m mypy --no-error-summary cloudwindow tests scripts deploy $(if $(wildcard benchmarks/*.py),benchmarks)

contracts:
	@.venv/bin/lint-imports --no-logo

web-types:
	@PATH="$(CURDIR)/.venv/bin:$$PATH" node web/node_modules/typescript/bin/tsc --project web/tsconfig.json

catalogue:
	@$(PYTHON) -m cloudwindow lint-catalogue

translations:
	@$(PYTHON) -m cloudwindow.i18n check
