"""Write environment.post-deploy.sh, which holds the lock: python docs/make_environment.py.

Snakemake copies environment.yml and this script alone to where it makes an environment of them
(`--sdm conda`), so neither can name requirements.txt. It keeps a copy of environment.yml beside
each result, so the lock is not in there.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "environment.post-deploy.sh"
HEAD = """\
#!/usr/bin/env bash
# Written by `make lock` (docs/make_environment.py): installs the lock into the environment that is
# active. Snakemake runs a copy of it in what it makes of environment.yml (--sdm conda), so it holds
# the lock. pip checks every package against its hash.
set -euo pipefail
python -m pip install --no-input --require-hashes --requirement /dev/stdin <<'LOCK'
"""


def script(lock: str) -> str:
    """Return the text of the script, without what the lock says only to people."""
    lines = [line for line in lock.splitlines() if not line.lstrip().startswith("#")]
    return HEAD + "\n".join([*lines, "LOCK", ""])


if __name__ == "__main__":
    text = script((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    TARGET.write_text(text, encoding="utf-8")
