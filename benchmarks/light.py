"""What ``slicewise[light]`` brings: packages to fetch, and what they take on the disk.

    python benchmarks/light.py
    python benchmarks/light.py --extras light,services

It fetches the packages of this clone with these extras for this platform, installs them into a
folder that is deleted again, and sums both. Slicewise itself is left out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MB = 1e6


def size(folder: Path) -> float:
    """Return MB of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MB


def run(*command: object) -> None:
    subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extras", default="light", help="such as light,services")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        fetched = Path(made) / "fetched"
        installed = Path(made) / "installed"
        wanted = f"{ROOT}[{options.extras}]"
        run(sys.executable, "-m", "pip", "--quiet", "download", "--dest", fetched, wanted)
        for own in fetched.glob("slicewise-*"):
            own.unlink()
        found = sorted(fetched.iterdir(), key=lambda path: path.stat().st_size, reverse=True)
        install = ("-m", "pip", "--quiet", "install", "--no-index", "--no-deps")
        run(sys.executable, *install, "--target", installed, *found)
        largest = {path.name.split("-")[0]: round(path.stat().st_size / MB, 1) for path in found}
        print(
            json.dumps(
                {
                    "packages": len(found),
                    "fetched_mb": round(size(fetched), 1),
                    "on_disk_mb": round(size(installed), 1),
                    "largest_mb": dict(list(largest.items())[:8]),
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
