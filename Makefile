# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Two files at a time: much of the time is waiting, and more would want more than 8 GB of memory.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile --no-loadscope-reorder

FUZZ ?= 30

.PHONY: demo test quick fuzz lint format lock clean

demo: .venv/ready
	$(BIN)/snakemake --cores all

test: .venv/ready
	$(BIN)/pytest $(SIDE_BY_SIDE)

quick: .venv/ready
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not slow"

# Damaged inputs, so many times as many as among the tests: make fuzz FUZZ=100
fuzz: .venv/ready
	SLICEWISE_FUZZ=$(FUZZ) $(BIN)/pytest tests/fuzz -q -s

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/slicewise schema --check config/schema.json
	$(BIN)/snakemake --lint

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

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

clean:
	rm -rf .venv .snakemake results/*/ results/mlflow.db
