"""The command ``slicewise``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slicewise import __version__
from slicewise.errors import SlicewiseError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="slicewise", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    ui = commands.add_parser("ui", help="open the MLflow UI on the results")
    ui.add_argument("--results", type=Path, default=Path("results"), help="the folder results")
    ui.add_argument("--host", default="127.0.0.1", help="address to listen on")
    ui.add_argument("--port", type=int, default=5000, help="port to listen on")
    schema = commands.add_parser("schema", help="print the JSON schema of the settings")
    schema.add_argument("--check", type=Path, help="fail unless this file holds the schema")
    options = parser.parse_args(arguments)
    try:
        return _ui(options) if options.command == "ui" else _schema(options)
    except SlicewiseError as error:
        print(f"slicewise: {error}", file=sys.stderr)
        return 1


def _ui(options: argparse.Namespace) -> int:
    from slicewise.tracking.runs import tracking_uri

    uri = tracking_uri(options.results)
    store = options.results / "mlflow.db"
    if uri.startswith("sqlite:") and not store.is_file():
        raise SlicewiseError(f"{store}: no run is tracked yet; run snakemake first")
    # Replaces this process, so that Ctrl-C reaches the server itself.
    command = [
        sys.executable,
        *("-m", "mlflow", "ui", "--backend-store-uri", uri),
        # one person looks at it, and each worker takes seconds to start
        *("--host", options.host, "--port", str(options.port), "--workers", "1"),
    ]
    print(f"MLflow on http://{options.host}:{options.port}", file=sys.stderr, flush=True)
    os.execv(sys.executable, command)


def _schema(options: argparse.Namespace) -> int:
    import json

    from slicewise.config import json_schema

    text = json.dumps(json_schema(), indent=1) + "\n"
    if options.check is None:
        print(text, end="")
        return 0
    try:
        written = options.check.read_text(encoding="utf-8")
    except OSError as error:
        raise SlicewiseError(
            f"{options.check}: cannot be read ({error.strerror}); correct the path"
        ) from error
    if written != text:
        raise SlicewiseError(
            f"{options.check}: differs from the settings' schema; write it anew with "
            "slicewise schema"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
