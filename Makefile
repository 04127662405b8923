# Everyday commands. `make run` is all a user needs; the others are for people who change the code.
VENV ?= .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check install --quiet --require-hashes
# One process a core, a file's tests together: files share servers and databases within themselves.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile
PARTS := chromium postgresql redis-server nodejs npm softhsm2 opensc gettext
DOMAIN_TESTS := tests/access tests/audit tests/backups tests/instances tests/keys tests/migration
LOCK := --python-version 3.11 --no-strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

.PHONY: run setup demo test coverage lint format screenshots bench lock clean

run: $(VENV)/.runtime  ## console, API and clock until Ctrl-C; prints addresses, and on the first start the credentials
	@exec $(PYTHON) manage.py serve

setup: $(VENV)/.runtime  ## only what `run` does before it starts anything
	@exec $(PYTHON) manage.py setup

demo: $(VENV)/.runtime  ## a believable estate of example keys in an empty installation
	@$(PYTHON) manage.py setup
	@exec $(PYTHON) manage.py demo

test: $(VENV)/.development  ## the domain tests on PostgreSQL, then everything on SQLite
	@.ci/packages $(PARTS)
	@$(PYTHON) -m tests.on_postgres -q $(PARALLEL) --no-cov $(DOMAIN_TESTS)
	@exec $(PYTHON) -m pytest -q $(PARALLEL) --no-cov

coverage: $(VENV)/.development  ## the same with the lines and branches it reaches, subprocesses included; half as long again
	@.ci/packages $(PARTS)
	@$(PYTHON) -m coverage erase
	@$(PYTHON) -m tests.on_postgres -q $(PARALLEL) --cov --cov-report= $(DOMAIN_TESTS)
	@exec $(PYTHON) -m pytest -q $(PARALLEL) --cov --cov-append --cov-report=term:skip-covered

lint: $(VENV)/.development
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy .
	@$(PYTHON) manage.py makemigrations --check --dry-run --settings tests.settings

format: $(VENV)/.development  ## what ruff can mend by itself; it never lays out lines anew
	@exec $(PYTHON) -m ruff check --fix .

screenshots: $(VENV)/.development  ## every main page, light and dark, wide and narrow, in three languages, into test-artifacts/
	@.ci/packages chromium fonts-noto-cjk
	@exec $(PYTHON) -m pytest -q $(PARALLEL) tests/browser/screenshots.py

bench: $(VENV)/.development  ## the API, the clock and the pages over a million keys, a migration; hours, each also alone
	@$(PYTHON) -m bench
	@$(PYTHON) -m bench.clock
	@$(PYTHON) -m bench.console
	@exec $(PYTHON) -m bench.migration

lock:  ## requirements*.in -> requirements*.txt, with hashes and without addresses of registries
	@.ci/venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip --disable-pip-version-check install --quiet uv
	@$(VENV)-lock/bin/uv pip compile $(LOCK) requirements.in --output-file requirements.txt
	@$(VENV)-lock/bin/uv pip compile $(LOCK) --constraint requirements.txt requirements-dev.in --output-file requirements-dev.txt
	@rm -rf $(VENV)-lock

clean:  ## caches and reports; never the data, never the virtual environment
	@rm -rf .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov test-artifacts
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/.runtime: requirements.txt
	@.ci/venv $(VENV)
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.development: requirements.txt requirements-dev.txt
	@.ci/venv $(VENV)
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime
