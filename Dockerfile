# slicewise and all that its jobs need, to run them in containers (docs/kubernetes.md):
#   docker build --tag registry.example.org/slicewise:latest .
#   docker build --tag registry.example.org/slicewise:gpu --build-arg EXTRA=gpu .
FROM python:3.11-slim-bookworm

# rsync: data on volumes are copied by it
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends rsync \
    && rm -rf /var/lib/apt/lists/*

# Each package is checked against its hash. The wheels are for the first command of every pod,
# which installs the storage plugins again: from here, without network, as they were locked.
WORKDIR /opt/slicewise
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt \
    && pip freeze > installed.txt \
    && grep '^snakemake-storage-plugin-' installed.txt > plugins.txt \
    && pip download --no-cache-dir --no-deps --dest wheels --requirement plugins.txt

# The libraries of CUDA, which the lock does not hold, beside the versions that it holds.
ARG EXTRA=""
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --no-build-isolation --constraint installed.txt \
    ".${EXTRA:+[$EXTRA]}"

ENV PIP_NO_INDEX=1 PIP_NO_DEPS=1 PIP_FIND_LINKS=/opt/slicewise/wheels

RUN useradd --uid 1000 --create-home slicewise
USER 1000
WORKDIR /workdir
