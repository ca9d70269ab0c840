# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help bootstrap demo up down test test-slow test-matrix test-security test-faults test-ops test-container \
	test-dist test-frameworks test-notebooks test-oracles notebooks dist deb docs image locks audit sbom sbom-image licences algorithms \
	reference picture migration-data architecture \
	plan lint format typecheck pytest bench bench-quick bench-quality bench-tools report readme-figures profile native \
	native-sanitize bench-native bench-forecast docs clean

HOME_FOLDER = $$(.ci/bootstrap --print-home)
BIN = $(HOME_FOLDER)/venv/bin
APART = --ignore=tests/oracles --ignore=tests/frameworks --ignore=tests/notebooks --ignore=tests/operations --ignore=tests/security --ignore=tests/faults --ignore=tests/container --ignore=tests/packaging
ARGS ?= tests -m "not slow" $(APART)
MAJORS ?=

# make test PG_MAJOR=16: another PostgreSQL, which Debian's or PostgreSQL's own repository has to offer.
export PG_MAJOR ?= 15
export PG_BINDIR ?= /usr/lib/postgresql/$(PG_MAJOR)/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## install what is missing: system packages and the environment
	@.ci/bootstrap

demo: up ## train and predict on real rows in a private cluster
	@MOTADATA_ML_HOME=$(HOME_FOLDER) $(BIN)/motadata-ml demo

up: bootstrap ## create and start the private cluster
	@MOTADATA_ML_HOME=$(HOME_FOLDER) $(BIN)/motadata-ml up --link

down: ## stop the private cluster
	@MOTADATA_ML_HOME=$(HOME_FOLDER) $(BIN)/motadata-ml down

test: bootstrap ## everything that has to be green: ruff, mypy, pytest
	@$(MAKE) --no-print-directory lint typecheck
	@.ci/python -m pytest $(ARGS)

lint: bootstrap ## ruff
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

typecheck: bootstrap ## mypy --strict
	@$(BIN)/mypy --strict plpython pyclient benchmarks tools tests

format: bootstrap ## let ruff lay out the sources
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

pytest: bootstrap ## only pytest: make pytest ARGS="tests/unit -x"
	@.ci/python -m pytest $(ARGS)

test-slow: bootstrap ## the slow suites, which make test leaves out
	@.ci/python -m pytest tests -m slow $(APART)

test-matrix: bootstrap ## the suites that need a server on PostgreSQL 15 to 18: make test-matrix MAJORS="17 18"
	@MOTADATA_ML_HOME=$(HOME_FOLDER) $(BIN)/python -m tests.matrix $(MAJORS)

algorithms: bootstrap ## train every algorithm and write docs/algorithms.md
	@MOTADATA_ML_WRITE_DOCS=1 .ci/python -m pytest tests/slow/test_every_algorithm.py -m slow

migration-data: ## at a release: keep what it trains for the migration tests of the next ones
	@.ci/bootstrap --with postgresql-$(PG_MAJOR)-cron
	@.ci/python -m tests.migration.make_data

reference: bootstrap ## write docs/sql-reference.md from the catalogue of a database
	@MOTADATA_ML_WRITE_DOCS=1 .ci/python -m pytest -q tests/integration/sql/test_reference.py -k what_the_catalogue_says

picture: demo ## draw the README's session of psql, docs/session.svg, as it is in the demonstration's tables
	@$(BIN)/python -B -m tools.picture "$$(MOTADATA_ML_HOME=$(HOME_FOLDER) $(BIN)/motadata-ml dsn)"

test-security: ## attacks: every role against what is not its own
	@.ci/bootstrap --with strace
	@.ci/python -m pytest tests/security

test-faults: ## crashes, full disks, cancels and races on servers of their own
	@.ci/bootstrap --with pgbouncer
	@.ci/python -m pytest tests/faults

test-ops: ## replicas, schedules, backups and the runbook on servers of their own
	@.ci/bootstrap --with postgresql-$(PG_MAJOR)-cron
	@.ci/python -m pytest tests/operations

# The engine is found through DOCKER_HOST, the usual sockets of Docker and Podman, or the program podman, whose service
# is then started; without any, the tests are skipped. The base images come from a registry, or are there already.
test-container: bootstrap ## build the images with docker or podman, start compose.yaml, and use them
	@$(BIN)/python -B -m pytest tests/container

test-dist: bootstrap ## build what a release hands out, install each into a server of its own, without a network
	@.ci/python -m pytest tests/packaging

test-frameworks: ## run the programs of docs/frameworks.md: SQLAlchemy, Django, FastAPI, node-postgres, JDBC, dbt
	@.ci/bootstrap --with nodejs $$(command -v npm >/dev/null || echo --with npm) --with default-jdk-headless \
		--with libpostgresql-jdbc-java
	@.ci/python -m pytest tests/frameworks

# $(call environment,FOLDER,REQUIREMENTS,OPTIONS): an environment with what a file names, made anew where the file changed.
environment = cmp -s $(2) "$(1)/requirements.txt" || { $(BIN)/uv venv -q --clear --python /usr/bin/python3 "$(1)" && \
	$(BIN)/uv pip install -q $(3) --python "$(1)/bin/python" -r $(2) && cp $(2) "$(1)/requirements.txt"; }

# An environment of its own: shap brings a compiler. The rest is the project's, by a path file.
ORACLES = $(HOME_FOLDER)/oracles

test-oracles: bootstrap ## contributions against the library shap, to 1e-6
	@$(call environment,$(ORACLES),tests/oracles/requirements.txt,--no-deps)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		>"$$("$(ORACLES)/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	@"$(ORACLES)/bin/python" -B -m pytest -p no:cacheprovider tests/oracles

test-notebooks: bootstrap ## run the notebooks of docs/notebooks and compare what they show
	@.ci/python -m pytest tests/notebooks

notebooks: bootstrap ## run the notebooks of docs/notebooks and write what they show
	@MOTADATA_ML_WRITE_DOCS=1 .ci/python -m pytest tests/notebooks

dist: bootstrap ## build wheels, source distributions and the bundle for machines without a network: dist/
	@$(BIN)/python -B -m tools.dist

deb: bootstrap ## build the Debian package for PostgreSQL PG_MAJOR: dist/
	@$(BIN)/python -B -m tools.dist.debian $(PG_MAJOR)

# An environment of its own: what builds the site is no part of the project's. Once it is there, no network is used.
DOCS = $(HOME_FOLDER)/docs

docs: bootstrap ## build the site of the documentation: dist/site/index.html
	@$(call environment,$(DOCS),tools/site/requirements.txt)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -B -m tools.site "$(DOCS)/bin/mkdocs"

ENGINE = $$(command -v docker || command -v podman)

image: ## build the image motadata-ml with docker, or podman where that is what there is
	@BUILDAH_FORMAT=docker $(ENGINE) build -f Dockerfile.postgres -t motadata-ml .

COMPILE = $(BIN)/uv pip compile -q --generate-hashes --no-header --python-version 3.11 --python-platform linux

locks: bootstrap ## pin what the images install, with hashes: docker/requirements-*.lock; UPGRADE=1 takes the newest
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --extra server -o docker/requirements-server.lock pyproject.toml
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --extra serving -o docker/requirements-serving.lock pyproject.toml
	@$(BIN)/python -c 'import tomllib; [print(*tomllib.load(open(f, "rb"))["build-system"]["requires"], sep="\n") \
		for f in ("pyproject.toml", "plpython/motadata_ml_native/pyproject.toml")]' \
		| $(COMPILE) $(if $(UPGRADE),--upgrade) -o docker/requirements-build.lock -

licences: bootstrap ## write docs/licences.md: the licences of what the images install
	@$(BIN)/python -B -m tools.supply.licences

audit: bootstrap ## known vulnerabilities in what the images install; fails, with a reason, where nobody can be asked
	@$(BIN)/python -B -m tools.supply.audit

sbom: bootstrap ## list what the images install as CycloneDX: dist/motadata-ml-*.cdx.json
	@$(BIN)/python -B -m tools.supply.sbom

sbom-image: bootstrap image ## the same, with the packages from Debian that the image motadata-ml has
	@mkdir -p dist
	@$(ENGINE) run --rm --entrypoint dpkg-query motadata-ml -W -f='$${Package} $${Version} $${Architecture}\n' >dist/debian.txt
	@$(BIN)/python -B -m tools.supply.sbom dist/debian.txt

architecture: bootstrap ## write the contract of the rooms into docs/architecture.md
	@$(BIN)/python -B -m tests.unit.architecture.page

plan: bootstrap ## rooms, floors and arrows of the server package: make plan REVISION=v0.2.0 compares
	@$(BIN)/python -B -m tools.plan $(if $(REVISION),--revision $(REVISION))

bench: bench-tools ## measure everything side by side, under 25 minutes: docs/benchmarks.md
	@status=0; .ci/python -m benchmarks || status=$$?; $(MAKE) --no-print-directory report; exit $$status

bench-quick: bench-tools ## the same with fewer rows and rounds, under 4 minutes
	@status=0; .ci/python -m benchmarks --quick || status=$$?; $(MAKE) --no-print-directory report; exit $$status

bench-tools:
	@.ci/bootstrap --with wrk --with pgbouncer

bench-quality: bootstrap ## models by default against FLAML on real tables, under 30 minutes: docs/quality.md; ARGS=--quick, ARGS=--long, TABLES="hpc oj"
	@[ -x "$(HOME_FOLDER)/quality/bin/flaml-ready" ] || { \
		$(BIN)/uv venv -q --clear --python $(BIN)/python "$(HOME_FOLDER)/quality" && \
		$(BIN)/uv pip install -q --python "$(HOME_FOLDER)/quality/bin/python" -r benchmarks/quality-requirements.txt && \
		ln -s python "$(HOME_FOLDER)/quality/bin/flaml-ready"; }
	@.ci/python -m benchmarks.quality "$(HOME_FOLDER)/quality/bin/python" $(filter --quick --long,$(ARGS)) $(TABLES)

report: bootstrap ## write docs/benchmarks.md and the README's figures from benchmarks/results.json
	@$(BIN)/python -B -m benchmarks.report

readme-figures: report

profile: bootstrap ## where the microseconds go: docs/profiles.md
	@.ci/python -m benchmarks.profiles
	@$(BIN)/python -B -m benchmarks.profile_page

native: bootstrap ## build the compiled loops into the environment once more, and fail where that fails
	@$(BIN)/python -m motadata_ml.install.native plpython/motadata_ml_native --packages

native-sanitize: bootstrap ## fuzz the compiled loops, built for it with AddressSanitizer and UBSan
	@.ci/python -m pytest tests/security/test_native_memory.py

bench-native: native ## the compiled loops against ONNX Runtime and scikit-learn, in one process
	@$(BIN)/python -B -m benchmarks.native

bench-forecast: bootstrap ## forecasts: series a second, and against statsforecast in an environment of its own
	@.ci/python -m benchmarks.forecasting $(FORECAST)

clean: ## stop the private cluster, remove the environment; the cluster's data stay
	@[ ! -x "$(BIN)/motadata-ml" ] || $(MAKE) --no-print-directory down
	@rm -rf "$(HOME_FOLDER)/venv" "$(HOME_FOLDER)/tests" .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@rm -f "$(HOME_FOLDER)"/*.stamp
	@for link in /usr/local/bin/motadata-ml "$$HOME/.local/bin/motadata-ml"; do \
		[ "$$(readlink "$$link")" != "$(BIN)/motadata-ml" ] || rm -f "$$link"; done
	@echo "The private cluster's data are still in $(HOME_FOLDER)/cluster"
