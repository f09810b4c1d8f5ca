# `make demo` and `make test` need Python 3.11+ and the package registries; both set up everything else in .venv.

SHELL := /bin/bash
BIN := .venv/bin
READY := .venv/.ready
JOBS ?= 2

.PHONY: help setup demo test check chaos bench bench-queue image base format lock completions shapes clean

help:
	@echo "make demo         moderate a sample set on a stack of its own"
	@echo "make test         everything that CI runs"
	@echo "make setup        build .venv only"
	@echo "make chaos        kill, freeze, cut and restart everything, and count"
	@echo "make bench        measure the workers beside what nobody can avoid"
	@echo "make bench-queue  measure the queue beside four libraries"
	@echo "make image        build the image of a worker (docs/docker.md)"
	@echo "make base         a base for it, where no registry of images is at hand"
	@echo "make check        format, lint, types, layers"
	@echo "make format       let ruff mend what it can"
	@echo "make completions  write completions/, docs/commands.md and config.example.yaml anew"
	@echo "make shapes       write down anew what the migrations make of a database"
	@echo "make lock         resolve requirements.lock anew from pyproject.toml, and the worker's"

setup: $(READY)

$(READY): requirements.lock pyproject.toml .ci/setup
	@.ci/setup
	@touch $@

demo: $(READY)
	@$(BIN)/lomi demo

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The storms run by themselves: beside other tests both would be at the mercy of the machine. They measure no coverage,
# since who is killed writes none. Nor do tests marked `no_cover`: long loops take six times as long while they are measured.
# Nor do the commands that tests start, of which each would take a quarter of a second more.
test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --cov --cov-report=term --cov-fail-under=90
	$(BIN)/python -m pytest -m chaos tests/chaos

chaos: $(READY)
	CHAOS_LONG=1 $(BIN)/python -m pytest -m chaos tests/chaos
	CHAOS_LONG=1 $(BIN)/python -m pytest -n $(JOBS) tests/integration/queue/test_model.py tests/integration/queue/test_deeds.py
	$(BIN)/python -m tests.chaos --long

bench: $(READY)
	$(BIN)/python -m benchmarks.worker

bench-queue: $(READY)
	$(BIN)/python -m benchmarks.queue

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

completions: $(READY)
	$(BIN)/python -m lomi_ops.cli.completions completions
	$(BIN)/python -m lomi_ops.cli.reference docs/commands.md
	$(BIN)/lomi config example > config.example.yaml

# A network for the wheels, none for the build. BASE=lomi-base after `make base`; TAG=lomi-worker.
image: $(READY)
	worker/image/build $(if $(BASE),--base $(BASE)) $(if $(TAG),--tag $(TAG))

base:
	worker/image/base build/base.tar
	docker import -c 'CMD ["python3"]' build/base.tar lomi-base

shapes: $(READY)
	$(BIN)/python -m tests.integration.db.shapes

lock:
	python3 -m venv .venv-lock && .venv-lock/bin/pip install -q uv
	.venv-lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra local --group dev pyproject.toml -o requirements.lock -q --upgrade
	echo pip | .venv-lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url - -o worker/image/pip.lock -q --upgrade
	rm -rf .venv-lock
	python3 worker/image/lock.py

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
