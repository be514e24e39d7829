#!/usr/bin/env bash
# Written by `make lock` (docs/make_environment.py): installs the lock into the environment that is
# active. Snakemake runs a copy of it in what it makes of environment.yml (--sdm conda), and the
# workflow says where the lock of this digest lies. pip checks every package against its hash.
set -euo pipefail
lock=${SLICEWISE_LOCK_45e1a70ade60e7cca7bc7be717bcea35d21641d252cbd6438b56b7888d9f8314:-$(dirname "$0")/requirements.txt}
# Snakemake brings it from a repository without the end of its last line
if [ "$(printf '%s\n' "$(< "$lock")" | sha256sum)" != "45e1a70ade60e7cca7bc7be717bcea35d21641d252cbd6438b56b7888d9f8314  -" ]; then
    echo "error: $lock: it is not the lock that this script was written for; run make lock" >&2
    exit 1
fi
python -m pip install --no-input --require-hashes --requirement "$lock"
