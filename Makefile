# make run        set everything up and serve the example app on http://127.0.0.1:5000 (make run PORT=8000)
# make test       set everything up and run the whole suite (make test ARGS="-k nearest")
# make check      format, lint, types, links of the docs
# make format     put the code into shape
# make docs       the site of the docs, in build/docs/index.html
# make pictures   take the pictures of the docs anew, from the example app (needs chromium)
# make docs-tables    write the tables of settings and checks in docs anew
# make upstream   Flask's and its extensions' own tests, on apps made by flaskkit
# make contract   the example app and another against their OpenAPI documents: linter, generated clients, fuzzer
# make smoke      from a wheel to a project that is served, tested and shipped, as a new user does it
# make accessibility  every kind of page in a browser: axe, 360 pixels, keyboard, Lighthouse (make accessibility ARGS=--write notes the scores)
# make deployment  what the docs say of servers, with gunicorn, granian, nginx and systemd
# make bench      compare its speed with others' and write docs/benchmarks.md (make bench ARGS=--check compares answers)
# make coverage   the suite, with a report of what it does not reach
# make clean      remove what the others made, the example's database included

PYTHON ?= python3
PORT ?= 5000
ARGS ?=

BIN := .venv/bin
INSTANCE := example_app/instance
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
FLASK := cd example_app && APP_ENV=development ../$(BIN)/flask --app wsgi
COVERAGE := --cov=flaskkit --cov-branch --cov-report=term-missing:skip-covered

.PHONY: run test check format docs pictures docs-tables upstream contract smoke accessibility deployment bench coverage clean
.DEFAULT_GOAL := run

run: $(INSTANCE)/loaded
	@$(PYTHON) -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2>/dev/null \
		|| { echo "Port $(PORT) is in use. Take another one: make run PORT=$$(($(PORT) + 1))"; exit 1; }
	@echo
	@echo "  http://127.0.0.1:$(PORT)/             Fieldnotes, the example app"
	@echo "  http://127.0.0.1:$(PORT)/nearest      a page written by hand"
	@echo "  http://127.0.0.1:$(PORT)/api/docs     its REST API, to try out"
	@echo "  http://127.0.0.1:$(PORT)/admin/       its admin"
	@echo
	@$(FLASK) fieldnotes demo
	@echo
	@$(FLASK) run --port $(PORT)

test: .venv/dev
	@test -n "$$FLASKKIT_POSTGRES_URL" || echo "Left out: tests that need PostgreSQL. Set FLASKKIT_POSTGRES_URL to run them."
	@test -n "$$FLASKKIT_MARIADB_URL" || echo "Left out: tests that need MariaDB. Set FLASKKIT_MARIADB_URL to run them."
	@command -v chromium > /dev/null || echo "Left out: tests that need a browser. Install chromium to run them."
	@command -v redis-server > /dev/null || echo "Left out: tests that need Redis. Install redis-server to run them."
	$(BIN)/pytest -n auto -rfEs $(ARGS)

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	MYPYPATH=example_app $(BIN)/mypy -p fieldnotes
	$(BIN)/pytest tests/docs -k "link or language or tables or reference"

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --fresh-env --quiet --builder html --conf-dir docs . build/docs
	@echo "The docs are in build/docs/index.html"

pictures: .venv/dev
	$(BIN)/python docs/pictures.py

docs-tables: .venv/dev
	$(BIN)/python tests/docs/settings_tables.py
	$(BIN)/python tests/docs/checks_table.py

upstream: .venv/dev
	$(BIN)/python tests/upstream/run.py $(ARGS)

contract: .venv/dev .contract/installed
	$(BIN)/python tests/contract/run.py $(ARGS)

smoke: .venv/made
	$(BIN)/python tests/smoke/run.py

accessibility: .venv/dev .accessibility/installed
	$(BIN)/python tests/browser/run.py $(ARGS)

deployment: .deployment/installed
	.deployment/bin/python tests/deployment/run.py

bench: bench/.venv/ready
	bench/.venv/bin/python bench/run.py $(ARGS)

coverage:
	$(MAKE) test ARGS="$(COVERAGE) $(ARGS)"

clean:
	rm -rf .venv bench/.venv build .upstream .contract .accessibility .deployment $(INSTANCE) .coverage .mypy_cache .pytest_cache .ruff_cache

# Each of these files says that a step is done; it is done again when what it depends on is newer.

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "flaskkit needs Python 3.11 or newer: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/example: pyproject.toml .venv/made
	@echo "Installing flaskkit and what the example needs into .venv; this takes a while the first time."
	@$(PIP) --editable '.[example]'
	@touch $@

.venv/dev: pyproject.toml .venv/made
	@echo "Installing flaskkit and what its tests need into .venv; this takes a while the first time."
	@$(PIP) --editable '.[dev]'
	@touch $@ .venv/example

.venv/docs: pyproject.toml .venv/made
	@echo "Installing flaskkit and what makes its docs into .venv; this takes a while the first time."
	@$(PIP) --editable '.[docs]'
	@touch $@

.contract/installed: tests/contract/requirements.txt tests/contract/package.json
	@echo "Installing generators, linter and fuzzer into .contract; this takes a while the first time."
	@$(PYTHON) -m venv .contract/venv
	@.contract/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/contract/requirements.txt
	@mkdir -p .contract/npm
	@cp tests/contract/package.json .contract/npm/
	@npm install --prefix .contract/npm --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

.accessibility/installed: tests/browser/package.json
	@echo "Installing axe and Lighthouse into .accessibility; this takes a while the first time."
	@mkdir -p .accessibility
	@cp tests/browser/package.json .accessibility/
	@npm install --prefix .accessibility --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

.deployment/installed: pyproject.toml
	@echo "Installing flaskkit and servers for it into .deployment; this takes a while the first time."
	@$(PYTHON) -m venv .deployment
	@.deployment/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[all]' gunicorn granian
	@touch $@

bench/.venv/ready: pyproject.toml bench/requirements.txt .venv/made
	@echo "Installing flaskkit and its peers into bench/.venv; this takes a while the first time."
	@$(PYTHON) -m venv bench/.venv
	@bench/.venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[all,postgres]' --requirement bench/requirements.txt
	@touch $@

$(INSTANCE)/loaded: .venv/example $(wildcard example_app/migrations/versions/*.py)
	@echo "Making the database in $(INSTANCE) and loading the world's airports into it."
	@$(FLASK) db upgrade
	@$(FLASK) fieldnotes load
	@touch $@
