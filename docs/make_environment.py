"""Write environment.post-deploy.sh, which installs the lock: python docs/make_environment.py.

Snakemake copies environment.yml and this script alone to where it makes an environment of them
(`--sdm conda`), so rules/common.smk tells where requirements.txt lies. The script names its digest:
Snakemake makes a new environment when the script has changed, and so when the lock has.
"""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "environment.post-deploy.sh"
TEXT = """\
#!/usr/bin/env bash
# Written by `make lock` (docs/make_environment.py): installs the lock into the environment that is
# active. Snakemake runs a copy of it in what it makes of environment.yml (--sdm conda), and the
# workflow says where the lock of this digest lies. pip checks every package against its hash.
set -euo pipefail
lock=${SLICEWISE_LOCK_DIGEST:-$(dirname "$0")/requirements.txt}
# Snakemake brings it from a repository without the end of its last line
if [ "$(printf '%s\\n' "$(< "$lock")" | sha256sum)" != "DIGEST  -" ]; then
    echo "error: $lock: it is not the lock that this script was written for; run make lock" >&2
    exit 1
fi
python -m pip install --no-input --require-hashes --requirement "$lock"
"""


def script(lock: bytes) -> str:
    """Return the text of the script that installs a lock."""
    return TEXT.replace("DIGEST", hashlib.sha256(lock).hexdigest())


if __name__ == "__main__":
    TARGET.write_text(script((ROOT / "requirements.txt").read_bytes()), encoding="utf-8")
