# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Files at a time: one more than processors, as much of the time is waiting, and one for 4 GB of memory.
WORKERS ?= $(shell $(PYTHON) -c 'import os; \
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9; \
    print(max(1, min(os.cpu_count() + 1, int(gigabytes / 4), 8)))')
SIDE_BY_SIDE = --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo test quick fuzz kill mutate docs lint format lock clean

demo: .venv/ready
	$(BIN)/snakemake --cores all

test: .venv/ready
	$(BIN)/pytest $(SIDE_BY_SIDE)

quick: .venv/ready
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not slow"

# What tests do a little, so many times as much; SLICEWISE_SEED gives other inputs and moments.
fuzz: .venv/ready
	SLICEWISE_FUZZ=$${SLICEWISE_FUZZ:-50} $(BIN)/pytest $(SIDE_BY_SIDE) tests/fuzz

kill: .venv/ready
	SLICEWISE_KILLS=$${SLICEWISE_KILLS:-25} $(BIN)/pytest tests/workflow/test_kills.py

# How many small faults in what turns voxels into numbers the tests would notice.
mutate: .venv/ready
	$(BIN)/python benchmarks/mutate.py --at-least 0.95

# The documentation as a site, build/docs/<version>/; no network is asked. With pictures of pages,
# after the demo: make docs PICTURES=results/phantom
docs: .venv/ready
	$(BIN)/python docs/make_site.py $(if $(PICTURES),--pictures $(PICTURES))

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/mypy
	$(BIN)/slicewise schema --check config/schema.json
	$(BIN)/snakemake --lint

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules workflow

# The environment: the locked packages, each checked against its hash.
.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    --no-build-isolation --editable .
	touch $@

# After a change of the dependencies in pyproject.toml; needs `uv`.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --output-file requirements.txt pyproject.toml
	$(BIN)/python docs/make_environment.py

# Caches of tools alone: `slicewise clean` is for results, and asks.
clean:
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find benchmarks docs scripts src tests -name __pycache__ -prune -exec rm -rf {} +
